//! What a reader finds goes to a FHIR server and a PACS: while they are away it waits and says so, when they come back
//! each of it is there once, and what a server refuses is read, tried again, or let go.

mod conflict;
mod orders;
mod set_up;

use super::searching::read_along;
use super::{import, tour};
use crate::Programs;
use crate::actors::{Desk, FhirServer, LightBox, Orthanc, TOKEN, Wants};
use crate::http::free_port;
use crate::machine::Machine;
use crate::phantom;
use crate::process::{alive, descendants, signal, until};
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Slices of the two studies, which are those of two patients.
const SLICES: [u32; 2] = [12, 16];
/// System of the patients' numbers at the FHIR server.
const NUMBERS: &str = "urn:oid:2.25.3140";

/// Plays everything.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let fhir = FhirServer::find()?;
    let Some(fhir) = fhir.filter(|_| Orthanc::is_installed()) else {
        println!("SKIPPED: a FHIR peer or Orthanc is not here, so NOTHING of sending was tested");
        return Ok(());
    };
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let mut archive = report.must("a PACS and a FHIR server", || {
        fhir.begin()?;
        Orthanc::start(&machine, "archive", Wants::Password, free_port()?)
    })?;
    let settings = machine.home("config").join("medsight");
    std::fs::create_dir_all(&settings)?;
    let node = format!(
        "[[nodes]]\nname = \"Archive\"\n[nodes.web]\nurl = \"{}\"\n[nodes.sign_in]\nby = \"basic\"\nuser = \"rita\"\n",
        archive.url
    );
    std::fs::write(settings.join("settings.toml"), node)?;
    let (cache, temporary) = (machine.home("cache-of-the-sender"), machine.home("temporary"));
    std::fs::create_dir_all(&temporary)?;
    let state_file = machine.home("light-box-state.jsonl");
    let more = [
        ("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string()),
        ("TMPDIR", temporary.clone().into_os_string()),
    ];
    let mut light_box = LightBox::new(&machine, state_file);
    let desk = report.must("the desk starts, and nothing is set up to be sent", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        set_up::keep_secret(
            &desk,
            &archive.url,
            &json!({"by": "basic", "user": "rita"}),
            "password of this run",
        )?;
        desk.click(&desk.find("sync", 5)?)?;
        let page = desk.text(&desk.find("sync-page", 10)?)?;
        ensure!(page.contains("Nothing is sent from here yet"), "it says {page}");
        Ok(desk)
    })?;
    set_up::play(report, &machine, &desk, &fhir)?;
    report.must("a study is imported, and the PACS has it by itself", || {
        phantom::write_ct(&machine.home("first"), SLICES[0], 128)?;
        desk.click(&desk.find("worklist-page", 5)?)?;
        import::begin(&desk, &machine.home("first"))?;
        import::summary(&desk, 60)?;
        holds(&archive, (1, u64::from(SLICES[0])))
    })?;
    report.must("the FHIR server ends", || fhir.end())?;
    report.must("it is measured and reported, and the report is signed", || {
        tour::open(&desk, &mut light_box, "Phantom")?;
        tour::measure(&light_box, 0.35)?;
        desk.come_to_front(&machine)?;
        sign(&desk)
    })?;
    away(report, &desk, &fhir)?;
    killed(report, &machine, &desk, &mut archive)?;
    refused(report, &machine, &desk, &mut light_box, &fhir)?;
    orders::play(report, &desk, &fhir)?;
    conflict::play(report, &desk, &fhir)?;
    report.step(
        "no token, password or name is in logs, arguments, environment or files that others could read",
        || {
            let wanted = [TOKEN, "password of this run", "Phantom", "DRAWN-", "left lung", "to be followed"];
            let mut folders = vec![logs.clone(), cache.clone(), temporary.clone()];
            folders.extend(["config", "cache", "run", "data"].map(|name| machine.home(name)));
            read_along(&desk, &wanted, &folders)
        },
    );
    report.step("neither program leaves a core file when it dies", || {
        let folders = [temporary.clone(), machine.home(""), std::env::current_dir()?];
        for id in descendants(desk.family()).into_iter().filter(|id| alive(*id)) {
            let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap_or_default();
            let line = limits.lines().find(|line| line.starts_with("Max core file size"));
            let most = line.and_then(|line| line.split_whitespace().nth(5)?.parse::<u64>().ok());
            let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            // The driver is the test's, not the desk's.
            let is_ours = name.starts_with("medsight")
                || name.starts_with("WebKit") && !name.starts_with("WebKitWebDriver");
            ensure!(!is_ours || most.is_some_and(|most| most <= 1), "{name} may leave one: {line:?}");
        }
        signal(light_box.process()?, "SEGV")?;
        signal(desk.process()?, "ABRT")?;
        until("the desk to be gone", 20, || {
            if desk.process().is_ok() { anyhow::bail!("it runs") } else { Ok(()) }
        })?;
        for folder in folders {
            for entry in std::fs::read_dir(&folder)?.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_core = name == "core" || name.starts_with("core.");
                ensure!(!is_core, "{name} lies in {}", folder.display());
            }
        }
        Ok(())
    });
    Ok(())
}

/// Writes a short report on the selected study, and signs it as final.
fn sign(desk: &Desk) -> Result<()> {
    desk.click(&desk.find("open-report", 5)?)?;
    until("the forms", 10, || {
        desk.click(desk.all_css("[data-testid=\"templates\"] button")?.first().context("no form")?)
    })?;
    desk.type_into(&desk.find("text-findings", 10)?, "A node in the left lung.")?;
    desk.type_into(&desk.find("text-impression", 5)?, "A node of 12 mm, to be followed.")?;
    until("the words to be kept", 10, || {
        let said = desk.text(&desk.find("report-saved", 2)?)?;
        ensure!(said.starts_with("saved "), "it says {said}");
        Ok(())
    })?;
    desk.click(&desk.find("sign", 5)?)?;
    desk.click(&desk.find("sign-now", 5)?)?;
    until("the report to be final", 10, || {
        let status = desk.text(&desk.find("report-status", 5)?)?;
        ensure!(status == "Final", "it is {status}");
        Ok(())
    })
}

/// The FHIR server is away: what waits for it, then all of it there, once.
fn away(report: &mut Report, desk: &Desk, fhir: &FhirServer) -> Result<()> {
    report.must(
        "the page says what waits for the server that is away, since when and why, and the badge counts it",
        || {
            desk.click(&desk.find("sync", 5)?)?;
            let said = until("the server to be missed", 20, || {
                let said = text_of(desk, "Hospital")?;
                ensure!(said.contains("can't be reached"), "it says {said}");
                Ok(said)
            })?;
            ensure!(
                said.contains("Since ") && said.contains("Check the network") && said.contains("Next try"),
                "it says {said}"
            );
            ensure!(said.contains("audit events wait"), "it says {said}");
            until("the badge to count what waits", 10, || {
                let said = text_of(desk, "Hospital")?;
                let number =
                    |words: &str| number_before(&said, words).with_context(|| format!("no number in {said}"));
                let (entries, events) = (number(" wait since")?, number(" audit events wait")?);
                // The measurement and the report, at the least.
                ensure!(entries >= 2, "{entries} wait: {said}");
                let counted = badge(desk)?;
                ensure!(
                    counted == format!("! {}", entries + events),
                    "the badge says {counted}, the page {said}"
                );
                Ok(())
            })?;
            settled(desk, "Images")
        },
    )?;
    report.must("when it is there, Try now sends everything, and the badge goes", || {
        fhir.begin()?;
        desk.click(
            desk.all_css(&format!("{} [data-testid=\"sync-now\"]", of("Hospital")))?
                .first()
                .context("no button")?,
        )?;
        settled(desk, "Hospital")?;
        no_badge(desk)
    })?;
    report.step("the server has each of it once, by its own account", || {
        for kind in ["Patient", "ImagingStudy", "Observation", "DiagnosticReport", "Provenance"] {
            let found = fhir.search(kind)?;
            ensure!(found.len() == 1, "it has {} of {kind}", found.len());
        }
        let told = &fhir.search("DiagnosticReport")?[0];
        ensure!(
            told["status"] == "final" && told["conclusion"] == "A node of 12 mm, to be followed.",
            "{told}"
        );
        let measured = &fhir.search("Observation")?[0];
        ensure!(measured["valueQuantity"]["value"].as_f64().is_some_and(|mm| mm > 5.0), "{measured}");
        let events = fhir.search("AuditEvent?_count=1000")?;
        let mut names: Vec<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        ensure!(all > 5 && names.len() == all, "it has {all} events, {} by their names", names.len());
        Ok(())
    });
    Ok(())
}

/// The PACS is killed, and comes back with what it had.
fn killed(report: &mut Report, machine: &Machine, desk: &Desk, archive: &mut Orthanc) -> Result<()> {
    report.must("the PACS has the signed report too, as a document of the study", || {
        holds(archive, (1, u64::from(SLICES[0]) + 1))
    })?;
    report.must("the PACS is killed, and what is imported then waits for it alone", || {
        archive.kill()?;
        phantom::write_ct(&machine.home("second"), SLICES[1], 128)?;
        desk.click(&desk.find("worklist-page", 5)?)?;
        import::begin(desk, &machine.home("second"))?;
        import::summary(desk, 60)?;
        desk.click(&desk.find("sync", 5)?)?;
        until("the PACS to be missed", 20, || {
            let said = text_of(desk, "Images")?;
            ensure!(said.contains("can't be reached") && said.contains("1 wait since"), "it says {said}");
            ensure!(badge(desk)? == "! 1", "the badge says {}", badge(desk)?);
            Ok(())
        })?;
        settled(desk, "Hospital")
    })?;
    report.must("the PACS comes back and gets it, once, and the badge goes", || {
        archive.begin(machine)?;
        desk.click(
            desk.all_css(&format!("{} [data-testid=\"sync-now\"]", of("Images")))?
                .first()
                .context("no button")?,
        )?;
        holds(archive, (2, u64::from(SLICES[0] + SLICES[1]) + 1))?;
        settled(desk, "Images")?;
        no_badge(desk)
    })
}

/// The server has the patient twice, so nobody could tell whose the measurements are.
fn refused(
    report: &mut Report,
    machine: &Machine,
    desk: &Desk,
    light_box: &mut LightBox<'_>,
    fhir: &FhirServer,
) -> Result<()> {
    let number = format!("DRAWN-{}", SLICES[1]);
    let mut twice = Vec::new();
    report.must(
        "what a server refuses is shown with the reason, and nothing else waits behind it",
        || {
            for _ in 0..2 {
                let patient =
                    json!({"resourceType": "Patient", "identifier": [{"system": NUMBERS, "value": number}]});
                let (status, kept) = fhir.ask("POST", "Patient", Some(&patient))?;
                ensure!(status == 201, "a patient is answered with {status}: {kept}");
                twice.push(kept["id"].as_str().context("no id")?.to_owned());
            }
            desk.click(&desk.find("worklist-page", 5)?)?;
            light_box.forget();
            desk.select(&number)?;
            desk.click(&desk.find("open-study", 10)?)?;
            light_box.wait_for_image()?;
            tour::measure(light_box, 0.3)?;
            tour::measure(light_box, 0.5)?;
            desk.come_to_front(machine)?;
            desk.click(&desk.find("sync", 5)?)?;
            until("two that were refused", 20, || {
                let said = text_of(desk, "Hospital")?;
                ensure!(said.contains("needs somebody") && said.contains("refused"), "it says {said}");
                ensure!(
                    said.contains("CT") && said.contains("several resources of this name"),
                    "it says neither which nor why: {said}"
                );
                ensure!(badge(desk)? == "▲ 2", "the badge says {}", badge(desk)?);
                Ok(())
            })
        },
    )?;
    report.must("one is let go, and it is in the audit trail who did that", || {
        desk.click(&desk.find("sync-drop", 5)?)?;
        until("the badge", 10, || {
            ensure!(badge(desk)? == "▲ 1", "the badge says {}", badge(desk)?);
            Ok(())
        })?;
        desk.click(&desk.find("audit", 5)?)?;
        desk.choose("audit-action", "delivery_dropped")?;
        desk.click(&desk.find("audit-ask", 5)?)?;
        until("the one event", 10, || {
            let events = desk.text(&desk.find("audit-events", 2)?)?;
            ensure!(events.contains("Hospital") || events.contains("Delivery"), "it lists {events}");
            Ok(())
        })?;
        desk.click(&desk.find("sync", 5)?)
    })?;
    report.must(
        "the server's administrator removes the second patient, and trying again sends the other",
        || {
            let (status, _) = fhir.ask("DELETE", &format!("Patient/{}", twice[1]), None)?;
            ensure!((200..300).contains(&status), "the second patient stays: {status}");
            desk.click(&desk.find("sync-retry", 5)?)?;
            settled(desk, "Hospital")?;
            no_badge(desk)?;
            let found = fhir.search("Observation")?;
            ensure!(found.len() == 2, "the server has {} measurements", found.len());
            let of_second = |one: &&Value| one["subject"]["reference"] == format!("Patient/{}", twice[0]);
            ensure!(found.iter().filter(of_second).count() == 1, "they are {found:?}");
            Ok(())
        },
    )
}

fn holds(archive: &Orthanc, wanted: (u64, u64)) -> Result<()> {
    until("the PACS to have it", 60, || {
        let has = archive.holds()?;
        ensure!(has == wanted, "it has {} studies and {} objects", has.0, has.1);
        Ok(())
    })
}

/// The part of the page that is about a destination.
fn of(destination: &str) -> String {
    format!("[data-testid=\"destination\"][data-name=\"{destination}\"]")
}

fn text_of(desk: &Desk, destination: &str) -> Result<String> {
    let found = desk.all_css(&of(destination))?;
    desk.text(found.first().with_context(|| format!("{destination} is not on the page"))?)
}

/// A destination has everything, and the page says so.
fn settled(desk: &Desk, destination: &str) -> Result<()> {
    until(&format!("{destination} to have everything"), 60, || {
        let said = text_of(desk, destination)?;
        ensure!(said.contains("all sent") && said.contains("Nothing waits."), "it says {said}");
        Ok(())
    })
}

/// What the badge says; empty when there is none.
fn badge(desk: &Desk) -> Result<String> {
    desk.all_css("[data-testid=\"sync-badge\"] [aria-hidden]")?
        .first()
        .map_or_else(|| Ok(String::new()), |badge| desk.text(badge))
}

/// The badge goes, once the event of what was done last is sent as well.
fn no_badge(desk: &Desk) -> Result<()> {
    until("the badge to go", 10, || {
        let said = badge(desk)?;
        ensure!(said.is_empty(), "the badge says {said}");
        Ok(())
    })
}

/// The number that stands before some words.
fn number_before(text: &str, words: &str) -> Option<u64> {
    text.split(words).next()?.split_whitespace().next_back()?.parse().ok()
}
