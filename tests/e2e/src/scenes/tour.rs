//! The first day: start with nothing, import the samples, find a study, read it in 2D, MPR and 3D, measure, close, and
//! find everything again.

use super::import;
use crate::Programs;
use crate::actors::{Desk, LightBox, active, views};
use crate::machine::Machine;
use crate::process::until;
use crate::report::Report;
use crate::screen::Picture;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What the sample studies are called in the worklist.
const MR_WORD: &str = "Jane";

/// The left carotid artery of the MR: axial planes from the feet, and shares of the cell's width and height.
const CAROTID: [(i64, (f64, f64)); 3] = [(70, (0.570, 0.440)), (118, (0.560, 0.481)), (146, (0.563, 0.503))];

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
    report.step("damaged files are refused by name, with the attribute", || {
        import::damaged(&desk, &programs.small_corpus)?;
        desk.wait_for_rows(4, 10)
    });
    import::summary(&desk, 5)?;
    report.step("search as you type", || {
        let search = desk.find("search", 10)?;
        desk.type_into(&search, MR_WORD)?;
        desk.wait_for_rows(1, 10)?;
        desk.type_into(&search, "")?;
        desk.wait_for_rows(4, 10)
    });
    let mut light_box = LightBox::new(&machine, state_file);
    report.must("open the MR study on the light box", || open(&desk, &mut light_box, MR_WORD).map(drop))?;
    read(report, &light_box);
    let measured = report.step("measure a length", || measure(&light_box, 0.4));

    report.step("close the light box and open the study again from the cache", || {
        light_box.close()?;
        let state = open(&desk, &mut light_box, MR_WORD)?;
        ensure!(!measured || state["saved"] == 1, "the measurement is gone: {state}");
        Ok(())
    });
    drop(desk);

    let _desk = report.must("after a restart the worklist is as it was", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        desk.wait_for_rows(4, 20)?;
        Ok(desk)
    })?;
    Ok(())
}

/// Opens the study whose row has a word, and looks at the picture.
pub(super) fn open(desk: &Desk, light_box: &mut LightBox<'_>, word: &str) -> Result<Value> {
    light_box.forget();
    desk.select(word)?;
    desk.click(&desk.find("open-study", 10)?)?;
    light_box.wait_for_image()?;
    light_box.image()?;
    light_box.state()
}

/// Window and level, stack, MPR, 3D: each must change the picture, and still show an image.
fn read(report: &mut Report, light_box: &LightBox<'_>) {
    report.step("window and level by dragging", || {
        light_box.key("w")?;
        let before = light_box.picture()?;
        let was = active(&light_box.state()?)["window"].clone();
        light_box.drag((0.5, 0.55), (0.495, 0.49))?;
        light_box.wait("another window", 10, |state| active(state)["window"] != was)?;
        changed(light_box, &before, 0.02)
    });
    report.step("scroll through the stack", || {
        let before = light_box.picture()?;
        let was = active(&light_box.state()?)["position"].clone();
        light_box.wheel(12)?;
        light_box.wait("another slice", 10, |state| active(state)["position"] != was)?;
        changed(light_box, &before, 0.02)
    });
    report.step("three planes", || {
        let before = light_box.whole(None)?;
        light_box.key("m")?;
        light_box.wait("three planes", 60, |state| {
            ["axial", "coronal", "sagittal"].iter().all(|plane| views(state).contains(plane))
                && all_drawn(state)
        })?;
        light_box.whole(Some(&before))?;
        light_box.image().map(drop)
    });
    report.step("the centre line of a vessel by three clicks, and the curved view along it", || {
        light_box.key("shift+v")?;
        for (slice, at) in CAROTID {
            go_to_slice(light_box, slice)?;
            light_box.drag(at, at)?;
        }
        light_box.wait("three points", 15, |state| state["vessel"]["points"] == 3)?;
        light_box.key("Return")?;
        light_box.wait("its length", 120, |state| {
            state["vessel"]["line_mm"].as_f64().is_some_and(|mm| (58.0..75.0).contains(&mm))
        })?;
        light_box.wait("the view", 60, |state| views(state).contains(&"curved") && all_drawn(state))?;
        light_box.whole(None).map(drop)
    });
    report.step("the vessel is left, and 3D is where it was", || {
        light_box.key("Escape")?;
        light_box.wait("3D again", 60, |state| {
            state["vessel"].is_null() && views(state).contains(&"volume3d") && all_drawn(state)
        })?;
        light_box.key("w")
    });
    report.step("the volume in 3D, turned", || {
        light_box.key("v")?;
        light_box.wait("3D", 60, |state| {
            active(state)["view"] == "volume3d" && active(state)["picture"] == true
        })?;
        let (front, _) = light_box.image()?;
        light_box.drag((0.45, 0.5), (0.62, 0.5))?;
        changed(light_box, &front, 0.02)
    });
    report.step("back to the stack", || {
        light_box.key("v")?;
        if !views(&light_box.state()?).contains(&"stack") {
            light_box.key("m")?;
        }
        light_box.wait("the stack", 20, |state| {
            active(state)["view"] == "stack" && active(state)["picture"] == true
        })?;
        light_box.image().map(drop)
    });
}

fn all_drawn(state: &Value) -> bool {
    state["cells"].as_array().is_some_and(|cells| cells.iter().all(|cell| cell["picture"] == true))
}

/// Waits until the picture differs from an earlier one, and still shows an image.
fn changed(light_box: &LightBox<'_>, before: &Picture, least: f64) -> Result<()> {
    until("another picture", 20, || {
        let share = before.differs(&light_box.picture()?, 6);
        ensure!(share >= least, "the picture hardly changed: {:.2} % of its pixels", share * 100.0);
        Ok(())
    })?;
    light_box.image().map(drop)
}

/// Draws one length with the mouse, beginning at this share of the cell's height, and waits until the desk has it.
pub(super) fn measure(light_box: &LightBox<'_>, height: f64) -> Result<()> {
    let before = light_box.state()?["saved"].as_u64().context("the state has no count of what is saved")?;
    light_box.key("l")?;
    light_box.drag((0.42, height), (0.58, height + 0.1))?;
    let state = light_box.wait("the measurement to be saved", 15, |state| {
        state["saved"].as_u64() == Some(before + 1) && state["annotations"] == state["saved"]
    })?;
    let lengths = state["measured"].as_array().into_iter().flatten().filter_map(|m| m["length_mm"].as_f64());
    for length_mm in lengths {
        ensure!(length_mm > 5.0, "a length of {length_mm} mm was measured: {state}");
    }
    light_box.key("w")
}

/// Scrolls the active cell to a slice with the keys.
fn go_to_slice(light_box: &LightBox<'_>, slice: i64) -> Result<()> {
    let position = |state: &Value| active(state)["position"][0].as_i64();
    let by = slice - position(&light_box.state()?).context("the cell has no slices")?;
    let (page, one) = if by > 0 { ("Next", "Down") } else { ("Prior", "Up") };
    for _ in 0..by.abs() / 10 {
        light_box.key(page)?;
    }
    for _ in 0..by.abs() % 10 {
        light_box.key(one)?;
    }
    light_box.wait("the slice", 30, |state| position(state) == Some(slice)).map(drop)
}
