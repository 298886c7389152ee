//! A model is installed, run on a series, its proposal painted on, kept, taken back and rejected; then another runs by itself on a study
//! that arrives. The model is a real one of nnU-Net's form with made weights: what it finds means nothing, the way there and back is real.

use super::{import, tour};
use crate::Programs;
use crate::actors::{Desk, LightBox};
use crate::machine::Machine;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;

/// Plays it all.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let (cache, models) = (machine.home("cache-of-models"), machine.home("models"));
    report.must("two models are installed as they were published", || {
        install(&machine, programs, &models, "shape", "MR")?;
        install(&machine, programs, &models, "patch", "CT")
    })?;
    report.must("a rule lets one of them run when a CT arrives", || {
        let folder = machine.home("config").join("medsight");
        std::fs::create_dir_all(&folder)?;
        let rule = "[[models.rules]]\nmodel = \"patch\"\nmodality = \"CT\"\nleast_images = 10\n";
        Ok(std::fs::write(folder.join("settings.toml"), rule)?)
    })?;
    let state_file = machine.home("light-box-state.jsonl");
    let more = [
        ("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string()),
        ("MEDSIGHT_MODELS", models.clone().into_os_string()),
    ];
    let mut light_box = LightBox::new(&machine, state_file);
    let desk = report.must("import an MR", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        import::begin(&desk, &programs.samples.join("mr_head_t1_3d"))?;
        import::summary(&desk, 120)?;
        desk.wait_for_rows(1, 30)?;
        Ok(desk)
    })?;
    report.must("the list says which model takes this series", || {
        tour::open(&desk, &mut light_box, "Jane")?;
        // The two, and the three masks that the workstation makes itself.
        light_box.wait("the models", 20, |state| state["models"] == 5)?;
        light_box.key("shift+m")?;
        light_box.wait("the list", 10, |state| state["popup"] == "models")?;
        light_box.whole(None).map(drop)
    })?;
    report.must("it runs, tells how far it is, and what it found is a proposal that is stored", || {
        light_box.key("Return")?;
        light_box.wait("the run", 30, |state| !state["model_run"].is_null())?;
        light_box.wait("the proposal", 240, |state| waits(state) == Some(true))?;
        light_box.whole(None).map(drop)
    })?;
    let proposed = volume(&light_box.state()?)?;
    report.step("the brush paints on its first part, in one step that is undone and done again", || {
        light_box.key("q")?;
        for _ in 0..5 {
            light_box.key("plus")?;
        }
        light_box.drag((0.35, 0.5), (0.65, 0.5))?;
        let is_more = |state: &Value| volume(state).is_ok_and(|ml| ml > proposed + 0.1);
        light_box.wait("more of it", 15, is_more)?;
        light_box.whole(None)?;
        light_box.key("ctrl+z")?;
        let is_before = |state: &Value| volume(state).is_ok_and(|ml| (ml - proposed).abs() < 1e-6);
        light_box.wait("as it was", 15, is_before)?;
        light_box.key("ctrl+shift+z")?;
        light_box.wait("more of it again", 15, is_more).map(drop)
    });
    report.must("Enter keeps it as changed", || {
        light_box.key("Return")?;
        light_box.wait("the decision", 30, |state| decided(state, 0) == Some("changed"))?;
        light_box
            .wait("what was kept", 30, |state| state["layers"].as_array().is_some_and(|l| l.len() >= 2))?;
        light_box.whole(None).map(drop)
    })?;
    report.step("the same key that undoes takes the decision back", || {
        light_box.key("ctrl+z")?;
        light_box.wait("no decision", 30, |state| {
            state["proposals"][0]["decided"].is_null() && waits(state) == Some(true)
        })?;
        Ok(())
    });
    report.step("Backspace rejects it with a reason", || {
        light_box.key("BackSpace")?;
        light_box.wait("the question", 10, |state| state["popup"] == "reject")?;
        light_box.type_text("made weights")?;
        light_box.whole(None)?;
        light_box.key("Return")?;
        light_box.wait("the decision", 30, |state| decided(state, 0) == Some("rejected")).map(drop)
    });
    report.step("a study that arrives is proposed on without anybody asking", || {
        light_box.close()?;
        desk.come_to_front(&machine)?;
        import::begin(&desk, &programs.samples.join("ct_head_tilted_uneven"))?;
        import::summary(&desk, 120)?;
        desk.wait_for_rows(2, 30)?;
        tour::open(&desk, &mut light_box, "CT")?;
        light_box.wait("the proposal", 240, |state| {
            state["proposals"][0]["by"] == "patch 1" && waits(state) == Some(true)
        })?;
        light_box.key("Tab")?;
        light_box.whole(None).map(drop)
    });
    report.step("all of it is in the audit trail", || {
        light_box.close()?;
        desk.close_window(&machine)?;
        let found = events(&machine, programs, &cache)?;
        for (what, times) in [("proposed", 2), ("proposal_decided", 2), ("proposal_reopened", 1)] {
            let count = found.iter().filter(|word| *word == what).count();
            ensure!(count == times, "{what} is there {count} times among {found:?}");
        }
        Ok(())
    });
    Ok(())
}

fn install(machine: &Machine, programs: &Programs, to: &Path, name: &str, modality: &str) -> Result<()> {
    let model = "nnunet/ensemble/nnUNetTrainer__nnUNetPlans__3d_fullres";
    let from = programs.small_corpus.with_file_name("infer").join(model);
    let done = machine
        .command(&programs.ctl)
        .args(["models", "install"])
        .arg(from)
        .args(["--name", name, "--modality", modality, "--models"])
        .arg(to)
        .output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Whether the only proposal that waits is stored; nothing when there is none.
fn waits(state: &Value) -> Option<bool> {
    match state["open_proposals"].as_array().map(Vec::as_slice) {
        Some([one]) => one["stored"].as_bool(),
        _ => None,
    }
}

/// Millilitres of the first part of the proposal that waits.
fn volume(state: &Value) -> Result<f64> {
    state["open_proposals"][0]["ml"][0].as_f64().context("no proposal waits")
}

fn decided(state: &Value, proposal: usize) -> Option<&str> {
    state["proposals"][proposal]["decided"].as_str()
}

/// The actions of the audit trail.
fn events(machine: &Machine, programs: &Programs, cache: &Path) -> Result<Vec<String>> {
    let out = machine.home("audit");
    let done = machine
        .command(&programs.ctl)
        .args(["audit", "export", "--format", "csv", "--cache"])
        .arg(cache)
        .arg("--out")
        .arg(&out)
        .output()?;
    ensure!(done.status.success(), "the export: {}", String::from_utf8_lossy(&done.stderr));
    let file = std::fs::read_dir(&out)?.next().context("no file was exported")??;
    let text = std::fs::read_to_string(file.path())?;
    let words = ["proposed", "proposal_decided", "proposal_reopened"];
    let fields =
        text.lines().flat_map(|line| line.split(',')).map(|field| field.trim_matches('"').to_owned());
    Ok(fields.filter(|field| words.contains(&field.as_str())).collect())
}
