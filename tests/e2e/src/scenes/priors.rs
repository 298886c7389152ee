//! Two studies of one patient: the earlier one is laid beside the current one from the light box, aligned to it, comes back with it after a
//! restart, and is taken off again.

use super::{import, tour};
use crate::Programs;
use crate::actors::{Desk, LightBox};
use crate::machine::Machine;
use crate::phantom;
use crate::process::until;
use crate::report::Report;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

const SLICES: u32 = 80;
const EDGE: u16 = 128;
/// Stands in the row of the current study only.
const CURRENT: &str = "2026-01-05";

/// Plays a comparison with a prior.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let cache = machine.home("cache-with-priors");
    let state_file = machine.home("light-box-state.jsonl");
    let more = [("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string())];
    let mut light_box = LightBox::new(&machine, state_file);

    let desk = report.must("import a CT and the one of a year before", || {
        let both = machine.home("both");
        phantom::write_ct(&both.join("now"), SLICES, EDGE)?;
        phantom::write_prior(&both.join("before"), SLICES, EDGE)?;
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        import::begin(&desk, &both)?;
        import::summary(&desk, 120)?;
        desk.wait_for_rows(2, 30)?;
        Ok(desk)
    })?;
    report.must("open the current study: the header says that there is a prior", || {
        tour::open(&desk, &mut light_box, CURRENT)?;
        light_box.wait("the other study", 20, |state| state["others"] == 1).map(drop)
    })?;
    report.must("the prior is chosen from the list, and lies beside the current study", || {
        put_or_take(&light_box)?;
        light_box.wait("the prior", 60, is_beside)?;
        light_box.whole(None).map(drop)
    })?;
    report.step("it is aligned to the current study, by where the bodies lie", || {
        light_box.key("shift+y")?;
        light_box.wait("the registration", 120, |state| state["aligned"] == true)?;
        light_box.whole(None).map(drop)
    });
    report.step("both studies are opened in the audit trail", || {
        desk.click(&desk.find("audit", 5)?)?;
        desk.find("audit-events", 10)?;
        desk.choose("audit-action", "study_opened")?;
        desk.click(&desk.find("audit-ask", 5)?)?;
        until("two events", 10, || {
            let events = desk.text(&desk.find("audit-events", 2)?)?;
            let opened = events.matches("Study opened").count();
            ensure!(opened == 2, "it lists {events}");
            Ok(())
        })
    });
    let desk = report.must("after a restart the prior is beside the current study again", || {
        desk.close_window(&machine)?;
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        desk.wait_for_rows(2, 20)?;
        tour::open(&desk, &mut light_box, CURRENT)?;
        light_box.wait("the prior", 60, is_beside)?;
        Ok(desk)
    })?;
    report.step("it is taken off by the same list, and the current study has the window again", || {
        put_or_take(&light_box)?;
        let is_alone = |state: &Value| {
            state["beside"] == 0
                && state["layout"] == json!([1, 1])
                && state["series"].as_array().is_some_and(|series| series.len() == 1)
        };
        light_box.wait("the current study alone", 30, is_alone)?;
        light_box.whole(None).map(drop)
    });
    drop(desk);
    Ok(())
}

/// Opens the list and takes its first line.
fn put_or_take(light_box: &LightBox<'_>) -> Result<()> {
    light_box.key("ctrl+o")?;
    light_box.wait("the list", 10, |state| state["popup"] == "priors")?;
    light_box.whole(None)?;
    light_box.key("Return")
}

/// Two cells, a study in each, with its picture.
fn is_beside(state: &Value) -> bool {
    let shows = |cell: usize, series: i64| {
        state["cells"][cell]["series"] == series && state["cells"][cell]["picture"] == true
    };
    state["beside"] == 1 && state["layout"] == json!([2, 1]) && shows(0, 0) && shows(1, 1)
}
