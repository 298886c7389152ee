//! A report from the claim to the addendum: kept while it is written, also when the desk is killed, signed, printed, and
//! with the way back to the images.

use super::writing::save_in_dialog;
use super::{import, tour};
use crate::Programs;
use crate::actors::{Desk, LightBox};
use crate::machine::Machine;
use crate::process::until;
use crate::report::Report;
use anyhow::{Context as _, Result, ensure};
use std::time::Duration;

/// A form that the site has written.
const HOUSE_FORM: &str = "id = \"house_ct\"\ntitle = { en = \"CT of this house\" }\nmodalities = [\"CT\"]\n[[section]]\n\
    key = \"findings\"\nheading = { en = \"Findings\" }\n";

/// Plays it all.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let cache = machine.home("cache-of-the-reporter");
    let state_file = machine.home("light-box-state.jsonl");
    let more = [("MEDSIGHT_STATE_FILE", state_file.clone().into_os_string())];
    let mut light_box = LightBox::new(&machine, state_file);
    let forms = machine.home("config").join("medsight").join("report-forms");
    std::fs::create_dir_all(&forms)?;
    std::fs::write(forms.join("house.toml"), HOUSE_FORM)?;
    std::fs::write(
        forms.join("wrong.toml"),
        HOUSE_FORM.replace("house_ct", "other").replace("Findings", ""),
    )?;
    let desk = report.must("import a CT, measure it and mark an image", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        import::begin(&desk, &programs.samples.join("ct_head_tilted_uneven"))?;
        import::summary(&desk, 120)?;
        desk.wait_for_rows(1, 30)?;
        tour::open(&desk, &mut light_box, "CT")?;
        tour::measure(&light_box, 0.35)?;
        light_box.key("k")?;
        light_box.wait("two to be saved", 15, |state| state["saved"] == 2)?;
        Ok(desk)
    })?;
    report.step("the study becomes urgent and is claimed, and its row says so", || {
        desk.come_to_front(&machine)?;
        desk.select("CT")?;
        desk.choose("priority", "stat")?;
        desk.click(&desk.find("claim", 5)?)?;
        until("the row", 10, || {
            let rows = desk.rows()?;
            ensure!(rows[0].contains("stat") && rows[0].contains('●'), "it says {rows:?}");
            Ok(())
        })
    });
    report.step(
        "the settings name the site's form that is used, and what is wrong with the one that is not",
        || {
            desk.click(&desk.find("settings", 5)?)?;
            let used = desk.text(&desk.find("site-forms", 10)?)?;
            ensure!(used.contains("CT of this house"), "it lists {used}");
            let wrong = desk.text(&desk.find("wrong-forms", 5)?)?;
            ensure!(
                wrong.contains("wrong.toml") && wrong.contains("section.findings.heading"),
                "it says {wrong}"
            );
            desk.click(&desk.find("worklist-page", 5)?)?;
            desk.select("CT")
        },
    );
    report.must("the report begins with the form that fits", || {
        desk.click(&desk.find("open-report", 5)?)?;
        let forms = desk.find("templates", 10)?;
        let listed = desk.text(&forms)?;
        ensure!(listed.starts_with("CT head"), "the first form is {listed}");
        let house = desk.text(&desk.find("template-house_ct", 5)?)?;
        ensure!(house.contains("of the site"), "it is called {house}");
        ensure!(desk.all("template-other")?.is_empty(), "the wrong form can be chosen");
        desk.click(&desk.find("template-ct_head", 5)?)?;
        desk.find("text-findings", 10).map(drop)
    })?;
    report.must("a measurement is taken into the text, and the words are kept by themselves", || {
        desk.type_into(&desk.find("text-findings", 5)?, "Lesion in the left hemisphere, .norm [___] ")?;
        desk.click(&desk.find("quote", 5)?)?;
        desk.key(&machine, "alt+2")?;
        saved(&desk)?;
        let list = desk.text(&desk.find("quotables", 5)?)?;
        ensure!(list.contains("M1") && list.contains("K1"), "the list says {list}");
        let text = value(&desk, "text-findings")?;
        ensure!(text.contains("No abnormality is seen.") && text.contains("[M1]"), "the text is {text}");
        Ok(())
    })?;
    report.step(
        "a misspelled word is put right from the keyboard, and a word of the house is learned",
        || {
            until("the dictionary", 10, || {
                let said = desk.text(&desk.find("spelling", 2)?)?;
                ensure!(said.contains("en_US"), "it says {said}");
                Ok(())
            })?;
            let text = desk.find("text-recommendation", 5)?;
            desk.type_into(&text, "Hansenwert pneumothorax perfuusion next ")?;
            // Back over the space and the last word into the one before it.
            for _ in 0..8 {
                desk.key(&machine, "Left")?;
            }
            report_menu(&desk, &machine, &["Down", "Return"])?;
            until("the word to be put right", 10, || {
                let text = value(&desk, "text-recommendation")?;
                ensure!(text.contains("perfusion next"), "the text is {text}");
                Ok(())
            })?;
            desk.key(&machine, "ctrl+Home")?;
            report_menu(&desk, &machine, &["l"])?;
            until("the word to be learned", 10, || {
                ensure!(
                    words(&machine)?.lines().any(|word| word == "Hansenwert"),
                    "the list does not have it"
                );
                Ok(())
            })
        },
    );
    report.step("what is still open can't be signed, and is named", || {
        desk.click(&desk.find("sign", 5)?)?;
        desk.click(&desk.find("sign-now", 5)?)?;
        let wrong = desk.text(&desk.find("sign-wrong", 10)?)?;
        ensure!(wrong.contains("Findings") && wrong.contains("[___]"), "it says {wrong}");
        desk.key(&machine, "Escape")
    });
    desk.kill()?;
    let desk = report.must("the desk is killed while it is written, and nothing is missing", || {
        let desk = Desk::start(&machine, programs, &cache, &more)?;
        desk.wait_for_rows(1, 60)?;
        desk.select("CT")?;
        desk.click(&desk.find("open-report", 5)?)?;
        desk.find("text-findings", 10)?;
        let text = value(&desk, "text-findings")?;
        ensure!(text.contains("[M1]"), "the text is {text}");
        Ok(desk)
    })?;
    let desk =
        report.must("closed a moment after a word was typed, it has the word when it comes back", || {
            desk.type_into(&desk.find("text-recommendation", 5)?, "Typed last")?;
            desk.close_window(&machine)?;
            ensure!(words(&machine).is_err(), "words that were learned stand where all can read them");
            let desk = Desk::start(&machine, programs, &cache, &more)?;
            desk.wait_for_rows(1, 60)?;
            desk.select("CT")?;
            desk.click(&desk.find("open-report", 5)?)?;
            desk.find("text-recommendation", 10)?;
            let text = value(&desk, "text-recommendation")?;
            ensure!(text == "Typed last", "the text is {text}");
            until("the learned word", 10, || {
                ensure!(words(&machine)?.lines().any(|word| word == "Hansenwert"), "it was forgotten");
                Ok(())
            })?;
            desk.type_into(&desk.find("text-recommendation", 5)?, "")?;
            Ok(desk)
        })?;
    report.must("it is signed as final", || {
        desk.type_into(&desk.find("text-findings", 5)?, "Lesion of [M1], see [K1].")?;
        desk.type_into(&desk.find("text-impression", 5)?, "Lesion, to be followed.")?;
        saved(&desk)?;
        desk.click(&desk.find("sign", 5)?)?;
        desk.click(&desk.find("sign-now", 5)?)?;
        let signed = desk.text(&desk.find("signed-text", 10)?)?;
        ensure!(signed.contains("Lesion of ") && signed.contains(" mm, see Key image"), "it reads {signed}");
        let status = desk.text(&desk.find("report-status", 5)?)?;
        ensure!(status == "Final", "it is {status}");
        Ok(())
    })?;
    report.step("a critical result is written down with who was told", || {
        desk.click(&desk.find("critical", 5)?)?;
        desk.type_into(&desk.find("critical-result", 5)?, "New lesion")?;
        desk.type_into(&desk.find("critical-who", 5)?, "Dr Ward, on call")?;
        desk.click(&desk.find("critical-read-back", 5)?)?;
        desk.click(&desk.find("critical-save", 5)?)?;
        let listed = desk.text(&desk.find("critical-results", 10)?)?;
        ensure!(listed.contains("Dr Ward") && listed.contains("repeated"), "it says {listed}");
        Ok(())
    });
    report.step("an addendum stands below the signed text", || {
        desk.click(&desk.find("sign", 5)?)?;
        desk.type_into(&desk.find("sign-words", 5)?, "Seen together with surgery.")?;
        desk.click(&desk.find("sign-now", 5)?)?;
        until("the addendum", 10, || {
            let signed = desk.text(&desk.find("signed-text", 2)?)?;
            ensure!(signed.contains("Seen together with surgery."), "it reads {signed}");
            Ok(())
        })
    });
    report.step("the number leads back to its place on the images", || {
        light_box.forget();
        desk.click(&desk.find("show-place", 5)?)?;
        light_box.wait_for_image()?;
        light_box.wait("the measurement to be selected", 30, |state| state["selected"] == true).map(drop)
    });
    report.step("it is printed where the person says", || {
        let out = machine.home("report.pdf");
        desk.come_to_front(&machine)?;
        desk.click(&desk.find("report-pdf", 5)?)?;
        save_in_dialog(&machine, &out)?;
        until("the file", 20, || {
            ensure!(std::fs::read(&out)?.starts_with(b"%PDF-1.7"), "it is no PDF");
            Ok(())
        })?;
        let pdf = std::fs::read(&out)?;
        ensure!(pdf.windows(6).any(|word| word == b"/Image"), "the key image is not in it");
        std::fs::copy(&out, logs.join("report.pdf"))?;
        Ok(())
    });
    report.step("the worklist says that it is final with an addendum, and nobody reads it any more", || {
        desk.click(&desk.find("report-back", 5)?)?;
        until("the row", 10, || {
            let rows = desk.rows()?;
            ensure!(rows[0].contains("Addendum") && !rows[0].contains('●'), "it says {rows:?}");
            Ok(())
        })
    });
    report.step("the audit trail has every step with who took it, and is whole", || {
        desk.click(&desk.find("audit", 5)?)?;
        desk.find("audit-events", 10)?;
        desk.choose("audit-action", "report_signed")?;
        desk.click(&desk.find("audit-ask", 5)?)?;
        until("the one event", 10, || {
            let events = desk.text(&desk.find("audit-events", 2)?)?;
            ensure!(events.lines().count() >= 1 && events.contains("Report signed"), "it lists {events}");
            ensure!(!events.contains("Imported"), "it lists other events too: {events}");
            Ok(())
        })?;
        desk.click(&desk.find("audit-verify", 5)?)?;
        let state = desk.text(&desk.find("audit-state", 20)?)?;
        ensure!(state.contains("whole"), "it says {state}");
        Ok(())
    });
    report.step("the sync page says that nothing is set up, and who does that", || {
        desk.click(&desk.find("sync", 5)?)?;
        let page = desk.text(&desk.find("sync-page", 10)?)?;
        ensure!(page.contains("Nothing is sent from here yet"), "it says {page}");
        Ok(())
    });
    Ok(())
}

/// Opens the menu of the word at the cursor, as the Menu key does, and presses keys in it.
fn report_menu(desk: &Desk, machine: &Machine, keys: &[&str]) -> Result<()> {
    // The checker looks at a word when the cursor has left it.
    std::thread::sleep(Duration::from_millis(500));
    desk.key(machine, "Menu")?;
    std::thread::sleep(Duration::from_millis(700));
    // The menu has the keyboard: the window is not brought to the front again.
    machine.output("xdotool", &[&["key", "--clearmodifiers", "--delay", "100"], keys].concat()).map(drop)
}

/// What the checker of spelling knows beside its dictionary.
fn words(machine: &Machine) -> Result<String> {
    let mut lists = std::fs::read_dir(machine.home("run"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let folder = lists.find(|path| path.to_string_lossy().ends_with(".spelling"));
    Ok(std::fs::read_to_string(folder.context("no list")?.join("en_US.dic"))?)
}

/// Waits until the page says that the words are kept.
fn saved(desk: &Desk) -> Result<()> {
    until("the words to be kept", 10, || {
        let said = desk.text(&desk.find("report-saved", 2)?)?;
        ensure!(said.starts_with("saved "), "it says {said}");
        Ok(())
    })
}

fn value(desk: &Desk, test_id: &str) -> Result<String> {
    desk.property(&desk.find(test_id, 5)?, "value")
}
