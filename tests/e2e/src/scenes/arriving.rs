//! A study of an archive that is read while it is still on its way, over a slow line.

use crate::Programs;
use crate::actors::{Archive, Desk, LightBox, active};
use crate::machine::Machine;
use crate::phantom;
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Slices of the study; the line takes about half a minute for them.
const SLICES: u32 = 300;

/// Plays everything.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    if !Archive::is_installed() {
        println!("SKIPPED: dcmqrscp is not installed, so NOTHING of a study that arrives was tested");
        return Ok(());
    }
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let archive = report.must("an archive with a study, behind a slow line", || {
        let files = machine.home("sent");
        phantom::write_ct(&files, SLICES, 384)?;
        let archive = Archive::start(&machine, programs, &files)?;
        let folder = machine.home("config").join("medsight");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("settings.toml"), archive.settings())?;
        Ok(archive)
    })?;
    let state_file = machine.home("light-box-state.jsonl");
    let more = [("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string())];
    let cache = machine.home("cache-of-what-arrives");
    let mut light_box = LightBox::new(&machine, state_file);
    let desk = report.must("the study is found on the archive", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        desk.key(&machine, "ctrl+shift+f")?;
        desk.type_into(&desk.find("find-id", 10)?, "DRAWN*")?;
        desk.click(&desk.find("find-start", 5)?)?;
        let found = desk.text(&desk.find("found-study", 30)?)?;
        ensure!(found.contains("Phantom"), "it found {found}");
        Ok(desk)
    })?;
    report.must("it is opened, and its first image is there while the rest is on its way", || {
        light_box.forget();
        desk.click(&desk.find("retrieve-open", 5)?)?;
        let state = light_box.wait_for_image()?;
        let (done, total) = progress(&desk)?;
        println!(
            "          the first image after {} ms, with {done} of {total} objects",
            state["first_image_ms"]
        );
        ensure!(total == u64::from(SLICES) && done < total, "{done} of {total} objects are here");
        ensure!(slices(&state) < u64::from(SLICES), "the light box shows all: {state}");
        is_drawn(&light_box)?;
        desk.row_with("Phantom", 5).map(drop)
    })?;
    report.step("it grows under the reader, who scrolls meanwhile and stays where he is", || {
        let before = light_box.state()?;
        light_box.wheel(3)?;
        // A slice that was just scrolled to may be read at the moment in which the series grows.
        light_box.wait("more slices, with an image", 60, |state| {
            slices(state) > slices(&before) && active(state)["picture"] == true
        })?;
        is_drawn(&light_box)
    });
    report.step("in the end all of it is there, once, and makes a volume", || {
        let whole =
            |state: &Value| slices(state) == u64::from(SLICES) && state["series"][0]["volume"] == "ready";
        light_box.wait("all slices and their volume", 180, whole)?;
        until("the end of the retrieval", 20, || {
            let row = desk.all("retrieval")?.into_iter().next().context("it is not listed")?;
            ensure!(desk.attribute(&row, "data-state")? == "ended", "it goes on");
            Ok(())
        })?;
        let row = desk.text(&desk.row_with("Phantom", 5)?)?;
        ensure!(row.contains("300"), "the row says {row}");
        desk.click(&desk.find("retrievals-dismiss", 5)?)?;
        is_drawn(&light_box)
    });
    drop(archive);
    Ok(())
}

/// The phantom is on the screen: it has too few shades to be judged as an image of a patient.
fn is_drawn(light_box: &LightBox<'_>) -> Result<()> {
    let look = light_box.picture()?.look();
    ensure!(look.lit > 0.15 && look.levels > 10 && look.deviation > 12.0, "the picture is not the phantom's");
    Ok(())
}

fn slices(state: &Value) -> u64 {
    state["series"][0]["slices"].as_u64().unwrap_or(0)
}

/// Objects of the one retrieval that came, and those that were missing.
fn progress(desk: &Desk) -> Result<(u64, u64)> {
    let row = desk.all("retrieval")?.into_iter().next().context("no retrieval is shown")?;
    let number = |name: &str| Ok::<u64, anyhow::Error>(desk.attribute(&row, name)?.parse()?);
    Ok((number("data-done")?, number("data-total")?))
}
