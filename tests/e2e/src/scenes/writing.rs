//! What a reader drew, marked and set, written as DICOM objects: chosen in the dialog, seen on the desk, found again in
//! their places, read by programs of others, and taken back.

use super::{import, tour};
use crate::Programs;
use crate::actors::{Desk, LightBox};
use crate::machine::Machine;
use crate::phantom;
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

/// Plays it all.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let cache = machine.home("cache-of-the-writer");
    let state_file = machine.home("light-box-state.jsonl");
    let more = [("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string())];
    let mut light_box = LightBox::new(&machine, state_file);
    let desk = report.must("import a CT", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        import::begin(&desk, &programs.samples.join("ct_head_tilted_uneven"))?;
        import::summary(&desk, 120)?;
        desk.wait_for_rows(1, 30)?;
        Ok(desk)
    })?;
    report.must("open it, measure, draw a region, mark the image", || {
        tour::open(&desk, &mut light_box, "CT")?;
        tour::measure(&light_box, 0.35)?;
        light_box.key("e")?;
        light_box.drag((0.52, 0.3), (0.6, 0.4))?;
        light_box.key("k")?;
        light_box.wait("three to be saved", 15, |state| state["saved"] == 3).map(drop)
    })?;
    report.step("an outline is drawn freely", || {
        light_box.key("shift+e")?;
        light_box.trace(&[(0.42, 0.55), (0.48, 0.5), (0.53, 0.56), (0.5, 0.64), (0.43, 0.63)])?;
        light_box.wait("four to be saved", 15, |state| state["saved"] == 4).map(drop)
    });
    let before = series(&desk)?.len();
    report.step("the dialog says what can be written", || {
        light_box.key("ctrl+s")?;
        light_box.wait("the dialog", 10, |state| state["popup"] == "write")?;
        light_box.whole(None).map(drop)
    });
    report.must("a report, a selection and a view are written with the keyboard", || {
        light_box.key("Return")?;
        written(&light_box, 1)?;
        light_box.key("ctrl+s")?;
        light_box.key("2")?;
        written(&light_box, 2)?;
        light_box.key("ctrl+s")?;
        light_box.key("Down")?;
        light_box.key("Down")?;
        light_box.key("Return")?;
        let state = written(&light_box, 3)?;
        let kinds: Vec<&serde_json::Value> =
            state["written"].as_array().into_iter().flatten().map(|w| &w[0]).collect();
        ensure!(kinds == [&json!("SR"), &json!("KO"), &json!("PR")], "there is {kinds:?}");
        Ok(())
    })?;
    report.step("another report is taken back with the key, and the first one stays", || {
        light_box.key("ctrl+s")?;
        light_box.key("1")?;
        written(&light_box, 4)?;
        light_box.key("ctrl+z")?;
        let state = written(&light_box, 3)?;
        ensure!(state["annotations"] == 4, "a measurement was taken back too: {state}");
        Ok(())
    });
    report.must("the regions are written as a segment, and lie on the images at once", || {
        light_box.key("ctrl+s")?;
        light_box.key("4")?;
        light_box.wait("what they are", 10, |state| state["popup"] == "segment")?;
        light_box.type_text("Left lobe")?;
        light_box.key("Down")?;
        light_box.whole(None)?;
        Ok(())
    })?;
    report.step("the segment is a layer", || {
        light_box.key("Return")?;
        written(&light_box, 4)?;
        light_box.wait("the layer", 30, |state| state["layers"] == json!([1]))?;
        light_box.whole(None).map(drop)
    });
    report.step("the desk lists the new series", || {
        desk.come_to_front(&machine)?;
        until("the series", 20, || {
            let now = series(&desk)?;
            ensure!(now.len() == before + 4, "there are {now:?}");
            for word in ["Measurements", "Key images", "View", "Left lobe"] {
                ensure!(now.iter().any(|text| text.contains(word)), "no {word} among {now:?}");
            }
            Ok(())
        })
    });
    report.step("opened again, the report and the view are in their places", || {
        light_box.close()?;
        let state = tour::open(&desk, &mut light_box, "CT")?;
        ensure!(state["saved"] == 4, "the reader's own are gone: {state}");
        light_box.wait("what the objects hold", 20, |state| state["reported"] == 3 && state["looks"] == 1)?;
        light_box.key("Tab")?;
        light_box.wait("the panel", 5, |state| state["panel"] == true)?;
        light_box.whole(None).map(drop)
    });
    report.step("programs of others read what was exported", || {
        let out = machine.home("exported");
        let rows = machine.command(&programs.ctl).args(["ls", "--json", "--cache"]).arg(&cache).output()?;
        let listed: serde_json::Value = serde_json::from_slice(&rows.stdout)?;
        let study = listed["studies"][0]["uid"].as_str().context("no study is listed")?.to_owned();
        let done = machine
            .command(&programs.ctl)
            .args(["export", "--cache"])
            .arg(&cache)
            .args([&study, "--out"])
            .arg(&out)
            .output()?;
        ensure!(done.status.success(), "the export: {}", String::from_utf8_lossy(&done.stderr));
        others_read(&out, &logs)
    });
    report.step("a PDF is listed with its title, and saved where the person says, byte for byte", || {
        phantom::write_pdf(&machine.home("letter"))?;
        import::begin(&desk, &machine.home("letter"))?;
        import::summary(&desk, 60)?;
        desk.select("Letter")?;
        let listed = desk.text(&desk.find("document", 10)?)?;
        ensure!(listed.contains("PDF") && listed.contains(phantom::PDF_TITLE), "it says {listed}");
        let out = machine.home("saved.pdf");
        desk.come_to_front(&machine)?;
        desk.click(&desk.find("save-document", 10)?)?;
        save_in_dialog(&machine, &out)?;
        until("the file", 20, || {
            ensure!(std::fs::read(&out)? == phantom::PDF, "it has other bytes");
            Ok(())
        })?;
        until("the button says so", 5, || {
            let button = desk.text(&desk.find("save-document", 5)?)?;
            ensure!(button.contains("Saved"), "it says {button}");
            Ok(())
        })
    });
    Ok(())
}

/// Answers the platform's own dialog for a place to save, which knows no test ids: a path is typed, and Enter.
pub(super) fn save_in_dialog(machine: &Machine, path: &Path) -> Result<()> {
    until("the dialog", 20, || {
        let name = machine.output("xdotool", &["getactivewindow", "getwindowname"])?;
        ensure!(name.to_lowercase().contains("save"), "the window in front is {}", name.trim());
        Ok(())
    })?;
    std::thread::sleep(std::time::Duration::from_millis(500));
    machine.output("xdotool", &["key", "ctrl+a"])?;
    machine.output("xdotool", &["type", "--delay", "30", path.to_str().context("a path")?])?;
    machine.output("xdotool", &["key", "Return"]).map(drop)
}

/// Waits until so many objects are written.
fn written(light_box: &LightBox<'_>, count: usize) -> Result<serde_json::Value> {
    light_box.wait(&format!("{count} written objects"), 20, |state| {
        state["popup"] == "none" && state["written"].as_array().is_some_and(|all| all.len() == count)
    })
}

/// What the panel of the desk says of each series.
fn series(desk: &Desk) -> Result<Vec<String>> {
    desk.all("thumbnail")?.iter().map(|picture| desk.text(picture)).collect()
}

/// Has dciodvfy look at everything that is no image, and keeps it in `keep` for whoever looks closer; says so where it is not
/// installed. What is wrong with patient and study in the images is taken over unchanged, and is no fault of ours.
fn others_read(folder: &Path, keep: &Path) -> Result<()> {
    let mut said = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        let Ok(out) = Command::new("dciodvfy").arg("-new").arg(&file).output() else {
            println!("          SKIPPED: dciodvfy (dicom3tools) is not installed");
            return Ok(());
        };
        said.push((file, String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()));
    }
    // One word in a line of its own is the name of the object's definition.
    let class = |text: &str| -> Option<String> {
        let names = ["SR", "KeyObject", "Presentation", "Segmentation"];
        let is_ours = |line: &&str| !line.contains(' ') && names.iter().any(|word| line.contains(word));
        text.lines().find(is_ours).map(str::to_owned)
    };
    let errors = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("Error")).map(str::to_owned).collect()
    };
    let images = said.iter().filter(|(_, text)| class(text).is_none());
    let of_images: HashSet<String> = images.flat_map(|(_, text)| errors(text)).collect();
    let mut seen = 0;
    for (file, text) in &said {
        let Some(class) = class(text) else { continue };
        seen += 1;
        std::fs::copy(file, keep.join(format!("written-{seen}.dcm")))?;
        let own: Vec<String> = errors(text).into_iter().filter(|line| !of_images.contains(line)).collect();
        ensure!(own.is_empty(), "{class}: {own:?}");
    }
    ensure!(seen == 4, "{seen} written objects were exported, not 4");
    Ok(())
}
