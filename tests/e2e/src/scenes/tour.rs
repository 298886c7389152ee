//! The first day: start with nothing, import the samples, find a study, read it in 2D, MPR and 3D, measure, close, and
//! find everything again.

use super::import;
use crate::Programs;
use crate::actors::{Desk, LightBox};
use crate::machine::Machine;
use crate::report::Report;
use crate::screen::Picture;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// What the sample studies are called in the worklist.
const MR_WORD: &str = "Jane";

/// Plays the tour.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let cache = machine.home("cache-of-the-tour");
    let state_file = machine.home("light-box-state.jsonl");
    let more = [("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string())];

    let desk = report.must("the desk starts with an empty worklist", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        ensure!(desk.rows()?.is_empty(), "there are studies before anything was imported");
        Ok(desk)
    })?;
    report.must("import the sample studies", || {
        import::begin(&desk, &programs.samples)?;
        let words = import::summary(&desk, 300)?;
        println!("          {}", words.split_whitespace().collect::<Vec<_>>().join(" "));
        desk.wait_for_rows(4, 30)
    })?;
    report.step("search as you type", || {
        let search = desk.find("search", 10)?;
        desk.type_into(&search, MR_WORD)?;
        desk.wait_for_rows(1, 10)?;
        desk.type_into(&search, "")?;
        desk.wait_for_rows(4, 10)
    });
    let light_box = LightBox::new(&machine, state_file);
    report.must("open the MR study on the light box", || open(&desk, &light_box, MR_WORD).map(drop))?;
    read(report, &light_box);
    let measured = report.step("measure a length", || measure(&light_box));

    report.step("close the light box and open the study again from the cache", || {
        let before = std::fs::metadata(machine.home("light-box-state.jsonl"))?.len();
        light_box.key("ctrl+w")?;
        light_box.wait("the window to close", 15, |state| state["windows"].as_u64() == Some(0))?;
        let state = open(&desk, &light_box, MR_WORD)?;
        ensure!(
            std::fs::metadata(machine.home("light-box-state.jsonl"))?.len() > before,
            "no new state was written"
        );
        ensure!(!measured || state["measurements"].as_u64() >= Some(1), "the measurement is gone: {state}");
        Ok(())
    });
    drop(desk);

    report.step("after a restart the worklist is as it was", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        desk.wait_for_rows(4, 20)
    });
    Ok(())
}

/// Opens the study whose row has a word, and looks at the picture.
pub(super) fn open(desk: &Desk, light_box: &LightBox<'_>, word: &str) -> Result<Value> {
    let row = desk.row_with(word, 20)?;
    desk.click(&row)?;
    desk.click(&desk.find("open-study", 10)?)?;
    let state = light_box.wait("the first image", 60, |state| {
        state["first_frame_ms"].is_number() && state["windows"].as_u64() != Some(0)
    })?;
    light_box.image()?;
    Ok(state)
}

/// Window and level, stack, MPR, 3D: each must change the picture, and still show an image.
fn read(report: &mut Report, light_box: &LightBox<'_>) {
    report.step("window and level by dragging", || {
        light_box.key("w")?;
        let before = light_box.picture()?;
        let was = light_box.state()?;
        light_box.drag((0.5, 0.5), (0.6, 0.4))?;
        light_box.wait("another window", 10, |state| state["window"] != was["window"])?;
        changed(light_box, &before, 0.02)
    });
    report.step("scroll through the stack", || {
        let before = light_box.picture()?;
        let was = light_box.state()?;
        light_box.wheel(6)?;
        light_box.wait("another slice", 10, |state| state["slice"] != was["slice"])?;
        changed(light_box, &before, 0.02)
    });
    report.step("three planes", || {
        let before = light_box.picture()?;
        light_box.key("m")?;
        light_box.wait("MPR", 60, |state| state["view"].as_str().is_some_and(|view| view.contains("mpr")))?;
        changed(light_box, &before, 0.1)
    });
    report.step("the volume in 3D", || {
        let before = light_box.picture()?;
        light_box.key("v")?;
        light_box.wait("3D", 60, |state| state["view"].as_str().is_some_and(|view| view.contains("3d")))?;
        changed(light_box, &before, 0.1)?;
        let front = light_box.picture()?;
        light_box.drag((0.5, 0.5), (0.65, 0.5))?;
        changed(light_box, &front, 0.02)
    });
    report.step("back to the stack", || {
        light_box.key("v")?;
        light_box.wait("the stack", 20, |state| state["view"].as_str() == Some("stack"))?;
        light_box.image().map(drop)
    });
}

fn changed(light_box: &LightBox<'_>, before: &Picture, least: f64) -> Result<()> {
    let (now, _) = light_box.image()?;
    let share = before.differs(&now, 12);
    if share < least {
        bail!("the picture hardly changed: {:.2} % of its pixels", share * 100.0);
    }
    Ok(())
}

/// Draws one length with the mouse and waits until the desk has it.
pub(super) fn measure(light_box: &LightBox<'_>) -> Result<()> {
    let count = |state: &Value| state["measurements"].as_u64();
    let before = count(&light_box.state()?).context("the state has no count of measurements")?;
    light_box.key("l")?;
    light_box.drag((0.42, 0.4), (0.58, 0.6))?;
    light_box.wait("the measurement to be saved", 15, |state| {
        count(state) == Some(before + 1) && state["unsaved"].as_u64() == Some(0)
    })?;
    light_box.key("w")
}
