//! What must survive: a light box that crashes while reading, a desk that is killed during an import and right after a
//! measurement.

use super::{import, tour};
use crate::Programs;
use crate::actors::{Desk, LightBox};
use crate::machine::Machine;
use crate::phantom;
use crate::process::{alive, signal, until};
use crate::report::Report;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::time::Duration;

/// Slices of the series whose import is interrupted: enough to take seconds.
const MANY: u32 = 1500;

/// Plays everything that must survive.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let cache = machine.home("cache-that-survives");
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
    report.must("open it and measure", || {
        tour::open(&desk, &mut light_box, "CT")?;
        tour::measure(&light_box, 0.35)
    })?;
    report.step("a series is dragged from the strip into a cell of four", || {
        light_box.key("ctrl+alt+5")?;
        let laid_out =
            |state: &Value| state["cells"][3]["rect_px"][2].as_f64().is_some_and(|width| width > 50.0);
        light_box.wait("four cells", 10, laid_out)?;
        light_box.drag_first_series(3)?;
        let put = |state: &Value| state["cells"][3]["series"] == 0 && state["cells"][3]["picture"] == true;
        light_box.wait("the series in the last cell", 20, put)?;
        light_box.whole(None).map(drop)
    });
    let desk =
        report.must("the desk's window is closed while reading: measurement and layout come back", || {
            desk.close_window(&machine)?;
            let desk = Desk::start(&machine, programs, &cache, &more)?;
            desk.wait_for_rows(1, 20)?;
            let state = tour::open(&desk, &mut light_box, "CT")?;
            ensure!(state["saved"] == 1, "the measurement is gone: {state}");
            let four = state["layout"] == serde_json::json!([2, 2]) && state["cells"][3]["series"] == 0;
            ensure!(four, "the layout is gone: {state}");
            Ok(desk)
        })?;
    report.step("the light box crashes: the desk starts it again, and no measurement is gone", || {
        let crashed = light_box.process()?;
        let layout = light_box.state()?["layout"].clone();
        light_box.forget();
        // Rust's handler lets the first signal pass when no address is at fault, and is gone for the second.
        until("the crash", 10, || {
            signal(crashed, "SEGV")?;
            std::thread::sleep(Duration::from_millis(100));
            if alive(crashed) { bail!("it is alive") } else { Ok(()) }
        })?;
        until("another light box", 30, || {
            let now = light_box.process()?;
            if now == crashed { bail!("the crashed one is still there") } else { Ok(()) }
        })?;
        light_box.wait_for_image()?;
        light_box.image()?;
        let state = light_box.wait("the measurement", 20, |state| state["saved"] == 1)?;
        ensure!(state["layout"] == layout, "the layout was {layout} and is {}", state["layout"]);
        desk.find("light-box-restarted", 10).map(drop)
    });
    report.step("the desk is killed right after a measurement: it is there at the next start", || {
        tour::measure(&light_box, 0.6)?;
        desk.kill()
    });

    let desk = report.must("the desk starts again", || {
        std::thread::sleep(Duration::from_secs(1));
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        desk.wait_for_rows(1, 20)?;
        let state = tour::open(&desk, &mut light_box, "CT")?;
        ensure!(state["saved"] == 2, "two were measured, the state is {state}");
        Ok(desk)
    })?;
    let many = machine.home("many");
    report.must("the desk is killed in the middle of an import", || {
        phantom::write_ct(&many, MANY, 256)?;
        import::begin(&desk, &many)?;
        until("some of the import", 30, || {
            let done = import::share_done(&desk)?;
            ensure!(done > 0.05, "{:.1} % are done", done * 100.0);
            Ok(())
        })?;
        desk.kill()
    })?;
    let _desk = report.must("the import resumes, without a file twice or missing", || {
        std::thread::sleep(Duration::from_secs(1));
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        until("the resumed import", 180, || {
            let shown = instances(&machine, programs, &cache, "DRAWN")?;
            if shown == u64::from(MANY) { Ok(()) } else { bail!("{shown} of {MANY} instances are there") }
        })?;
        desk.wait_for_rows(2, 20)?;
        Ok(desk)
    })?;
    Ok(())
}

/// Instances of the study with this patient id's beginning, asked of `medsightctl`, which reads the same cache.
fn instances(machine: &Machine, programs: &Programs, cache: &std::path::Path, patient: &str) -> Result<u64> {
    let out = machine.command(&programs.ctl).args(["ls", "--json", "--cache"]).arg(cache).output()?;
    let document: Value =
        serde_json::from_slice(&out.stdout).context("medsightctl ls printed no document")?;
    let studies = document["studies"].as_array().context("no studies")?;
    let ours = studies
        .iter()
        .find(|study| study["patient"]["id"].as_str().is_some_and(|id| id.starts_with(patient)));
    ours.and_then(|study| study["instance_count"].as_u64()).context("the study is not there")
}
