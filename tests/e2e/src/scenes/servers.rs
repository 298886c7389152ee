//! Servers as hospital IT sets them up and a reader then uses them: signing in, an archive that only sends by itself
//! (C-MOVE), and earlier studies that are fetched ahead.

use crate::Programs;
use crate::actors::{Desk, LightBox, Orthanc, Slow, Wants, active, slow_line};
use crate::http::free_port;
use crate::machine::Machine;
use crate::phantom;
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use std::net::TcpListener;

/// Slices of each study.
const SLICES: u32 = 120;

/// Plays everything.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    if !Orthanc::is_installed() {
        println!("SKIPPED: Orthanc is not installed, so NOTHING of signing in and receiving was tested");
        return Ok(());
    }
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let port = free_port()?;
    let (archive, guarded) =
        report.must("a server with two studies of a patient, and one that wants a token", || {
            let archive =
                Orthanc::start(&machine, "archive", Wants::Password, slow_line(port, Slow::Questions)?)?;
            // One patient, two studies: the number of the patient is that of the slices.
            for (folder, edge) in [("sent", 256), ("sent-before", 224)] {
                phantom::write_ct(&machine.home(folder), SLICES, edge)?;
                archive.fill(&machine, programs, &machine.home(folder))?;
            }
            Ok((archive, Orthanc::start(&machine, "guarded", Wants::Token, port)?))
        })?;
    let state_file = machine.home("light-box-state.jsonl");
    let more = [("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string())];
    let cache = machine.home("cache-of-servers");
    let mut light_box = LightBox::new(&machine, state_file);
    let desk = report.must("the desk starts", || Desk::start(&machine, programs, &cache, &more))?;
    sign_in(report, &machine, &desk, &archive, &guarded)?;
    receiving(report, &desk, port)?;
    by_move(report, &machine, &desk, &archive, &mut light_box)?;
    Ok(())
}

/// The form of a server with DICOMweb: a wrong password, no permission, the right ones; then a search with it.
fn sign_in(
    report: &mut Report,
    machine: &Machine,
    desk: &Desk,
    archive: &Orthanc,
    guarded: &Orthanc,
) -> Result<()> {
    report.must("a wrong password is said in words", || {
        desk.click(&desk.find("settings", 10)?)?;
        desk.click(&desk.find("server-add", 10)?)?;
        web_form(desk, "Web archive", &archive.url)?;
        desk.choose("server-sign-in", "basic")?;
        desk.type_into(&desk.find("server-user", 5)?, "rita")?;
        desk.type_into(&desk.find("server-secret", 5)?, "a wrong one")?;
        tested(desk, "password or token is missing, wrong or has expired")
    })?;
    report.step("somebody without permission is told so, and not to try another password", || {
        desk.type_into(&desk.find("server-user", 5)?, "visitor")?;
        desk.type_into(&desk.find("server-secret", 5)?, "password of this run")?;
        tested(desk, "does not permit this")
    });
    report.must("the right password is tested, and kept with the server", || {
        desk.type_into(&desk.find("server-user", 5)?, "rita")?;
        tested(desk, "answered in")?;
        desk.click(&desk.find("server-save", 5)?)?;
        listed(desk, "Web archive")
    })?;
    report.step("a token is tested and kept in the same way", || {
        desk.click(&desk.find("server-add", 10)?)?;
        web_form(desk, "Guarded", &guarded.url)?;
        desk.choose("server-sign-in", "bearer")?;
        desk.type_into(&desk.find("server-secret", 5)?, "not-this-one")?;
        tested(desk, "does not permit this")?;
        desk.type_into(&desk.find("server-secret", 5)?, "token-of-this-run")?;
        tested(desk, "answered in")?;
        desk.click(&desk.find("server-save", 5)?)?;
        listed(desk, "Guarded")
    });
    report.step("no secret is in the settings file, and the search signs in by the keyring", || {
        let file = machine.home("config").join("medsight/settings.toml");
        let settings = std::fs::read_to_string(file)?;
        ensure!(settings.contains("rita") && !settings.contains("this run"), "the file has the secret");
        desk.click(&desk.find("worklist-page", 10)?)?;
        desk.key(machine, "ctrl+shift+f")?;
        desk.type_into(&desk.find("find-id", 10)?, "DRAWN*")?;
        desk.click(&desk.find("find-start", 5)?)?;
        let found = desk.text(&desk.find("found-study", 30)?)?;
        ensure!(found.contains("Phantom"), "it found {found}");
        desk.key(machine, "Escape")
    });
    Ok(())
}

/// The listener: refused without senders, its port taken, then listening.
fn receiving(report: &mut Report, desk: &Desk, port: u16) -> Result<()> {
    let other = TcpListener::bind(("127.0.0.1", port))?;
    report.must("receiving can't be switched on without saying who may send", || {
        desk.click(&desk.find("settings", 10)?)?;
        ensure!(desk.attribute(&desk.find("listener", 10)?, "data-state")? == "off", "something listens");
        desk.click(&desk.find("listener-change", 10)?)?;
        desk.click(&desk.find("listener-on", 10)?)?;
        desk.type_into(&desk.find("listener-port", 5)?, &port.to_string())?;
        desk.choose("listener-interface", "loopback")?;
        desk.click(&desk.find("listener-save", 5)?)?;
        let wrong = desk.text(&desk.find("listener-wrong", 5)?)?;
        ensure!(wrong.contains("at least one title"), "it says {wrong}");
        Ok(())
    })?;
    report.must("a port that is taken is said in words", || {
        desk.type_into(&desk.find("listener-sender", 5)?, "SOMEBODY")?;
        desk.click(&desk.find("listener-save", 5)?)?;
        until("the port that is taken", 10, || {
            let said = desk.text(&desk.find("listener", 1)?)?;
            ensure!(said.contains(&format!("Port {port} is used")), "it says {said}");
            Ok(())
        })
    })?;
    drop(other);
    report.must("once the port is free it listens, and says where and as what", || {
        desk.click(&desk.find("listener-again", 10)?)?;
        until("the listener", 10, || {
            let said = desk.text(&desk.find("listener", 1)?)?;
            ensure!(said.contains(&format!("127.0.0.1:{port} as MEDSIGHT")), "it says {said}");
            Ok(())
        })
    })
}

/// An archive that sends by itself: the sender that was forgotten is let in with a button, the study grows as it arrives,
/// and the patient's earlier study follows.
fn by_move(
    report: &mut Report,
    machine: &Machine,
    desk: &Desk,
    archive: &Orthanc,
    light_box: &mut LightBox<'_>,
) -> Result<()> {
    report.must("a server is added that is retrieved from by C-MOVE, with one prior ahead", || {
        desk.click(&desk.find("server-add", 10)?)?;
        desk.type_into(&desk.find("server-name", 5)?, "Archive")?;
        desk.type_into(&desk.find("server-called", 5)?, "ORTHANC")?;
        desk.type_into(&desk.find("server-host", 5)?, "127.0.0.1")?;
        desk.type_into(&desk.find("server-port", 5)?, &archive.dimse_port.to_string())?;
        desk.choose("server-retrieve", "move")?;
        desk.type_into(&desk.find("server-ahead-priors", 5)?, "1")?;
        tested(desk, "answered in")
    })?;
    report.must("the sender that was forgotten is named, with what to do", || {
        desk.click(&desk.find("server-save", 5)?)?;
        listed(desk, "Archive")?;
        search(desk, machine)?;
        desk.click(&desk.find("retrieve-open", 5)?)?;
        until("the refusal", 30, || {
            let row = desk.text(&desk.find("retrieval", 1)?)?;
            ensure!(row.contains("sends as ORTHANC"), "it says {row}");
            Ok(())
        })
    })?;
    report.must("the settings show who was refused, and a button lets it send", || {
        desk.click(&desk.find("retrievals-dismiss", 5)?)?;
        desk.click(&desk.find("settings", 10)?)?;
        desk.click(&desk.find("listener-allow", 10)?)?;
        until("the title among the senders", 10, || {
            let said = desk.text(&desk.find("listener", 1)?)?;
            ensure!(said.contains("SOMEBODY, ORTHANC"), "it says {said}");
            Ok(())
        })
    })?;
    report.must("the study is opened, and its first image is there while the rest is on its way", || {
        search(desk, machine)?;
        light_box.forget();
        desk.click(&desk.find("retrieve-open", 5)?)?;
        let state = light_box.wait_for_image()?;
        ensure!(active(&state)["picture"] == true, "there is no image: {state}");
        let row = desk.find("retrieval", 5)?;
        let number = |name: &str| Ok::<u64, anyhow::Error>(desk.attribute(&row, name)?.parse()?);
        let (done, total) = (number("data-done")?, number("data-total")?);
        println!("          the first image with {done} of {total} objects");
        ensure!(total == u64::from(SLICES) && done < total, "{done} of {total} objects are here");
        Ok(())
    })?;
    report.step("the patient's earlier study follows by itself, and says that it is fetched ahead", || {
        until("what is fetched ahead", 60, || {
            let rows = desk.all("retrieval")?;
            let texts: Vec<String> = rows.iter().map(|row| desk.text(row)).collect::<Result<_>>()?;
            ensure!(texts.iter().any(|text| text.contains("fetched ahead")), "there is {texts:?}");
            Ok(())
        })?;
        // For its picture: the light box lies over it.
        desk.key(machine, "Escape")
    });
    report.step("it grows to the end, and both studies are on the worklist", || {
        let whole =
            |state: &serde_json::Value| state["series"][0]["slices"].as_u64() == Some(u64::from(SLICES));
        light_box.wait("all slices", 120, whole)?;
        desk.wait_for_rows(2, 60)?;
        until("the end of all", 120, || {
            let rows = desk.all("retrieval")?;
            let states: Vec<String> =
                rows.iter().map(|row| desk.attribute(row, "data-state")).collect::<Result<_>>()?;
            ensure!(states.iter().all(|state| state == "ended"), "they are {states:?}");
            Ok(())
        })?;
        let rows = desk.rows()?;
        ensure!(rows.iter().all(|row| row.contains(&SLICES.to_string())), "the rows say {rows:?}");
        Ok(())
    });
    Ok(())
}

/// A new server with DICOMweb alone, as far as its address.
fn web_form(desk: &Desk, name: &str, url: &str) -> Result<()> {
    desk.type_into(&desk.find("server-name", 10)?, name)?;
    desk.click(&desk.find("server-dimse", 5)?)?;
    desk.click(&desk.find("server-web", 5)?)?;
    desk.type_into(&desk.find("server-url", 5)?, url)
}

/// Presses Test in the form and waits for words in the answer.
fn tested(desk: &Desk, words: &str) -> Result<()> {
    desk.click(&desk.find("server-form-test", 5)?)?;
    until("the answer of the server", 20, || {
        let dialog = desk.all_css("[data-testid=\"server-dialog\"] [data-testid=\"server-answer\"]")?;
        let said = desk.text(dialog.first().context("no answer is shown")?)?;
        ensure!(said.contains(words), "it says {said}");
        Ok(())
    })
}

/// The list of servers has it.
fn listed(desk: &Desk, name: &str) -> Result<()> {
    until("the server in the list", 10, || {
        let servers = desk.all("server-row")?;
        let texts: Vec<String> = servers.iter().map(|server| desk.text(server)).collect::<Result<_>>()?;
        ensure!(texts.iter().any(|text| text.contains(name)), "there are {texts:?}");
        Ok(())
    })
}

/// Looks on the archive that sends by itself for the larger study, the first in the list.
fn search(desk: &Desk, machine: &Machine) -> Result<()> {
    desk.click(&desk.find("worklist-page", 10)?)?;
    desk.key(machine, "ctrl+shift+f")?;
    desk.choose("find-node", "Archive")?;
    desk.type_into(&desk.find("find-id", 10)?, "DRAWN*")?;
    desk.click(&desk.find("find-start", 5)?)?;
    desk.find("found-study", 30).map(drop)
}
