//! The desk by itself: every way in for files, deleting, taking back, settings and languages, closing and opening again.

use super::import;
use crate::Programs;
use crate::actors::Desk;
use crate::language;
use crate::machine::Machine;
use crate::phantom;
use crate::process::until;
use crate::report::Report;
use anyhow::{Context, Result, bail, ensure};

/// Plays everything.
pub(crate) fn play(programs: &Programs, report: &mut Report) -> Result<()> {
    let logs = report.folder().to_path_buf();
    let machine = report.must("a desktop session with a keyring", || Machine::start(&logs))?;
    report.watch(&machine.display);
    let cache = machine.home("cache-of-the-desk");
    let desk = report.must("the desk starts", || Desk::start(&machine, programs, &cache, &[]))?;
    ways_in(&machine, programs, report, &desk)?;
    report.step("a study without images says so instead of opening", || {
        phantom::write_report(&machine.home("report"))?;
        import::begin(&desk, &machine.home("report"))?;
        import::summary(&desk, 60)?;
        desk.select("Report")?;
        desk.click(&desk.find("open-study", 10)?)?;
        let said = desk.text(&desk.find("failure", 10)?)?;
        ensure!(said.contains("no images"), "it says: {said}");
        let button = desk.text(&desk.find("open-study", 5)?)?;
        ensure!(!button.contains("Opening"), "the button still says {button}");
        Ok(())
    });
    report.step("the reading state is set, taken back with the button and set again with the key", || {
        desk.select("DRAWN")?;
        let state = |wanted: &str| {
            until(&format!("the state {wanted}"), 10, || {
                let row = desk.text(&desk.row_with("DRAWN", 5)?)?.to_lowercase();
                if row.contains(wanted) { Ok(()) } else { bail!("the row says {row}") }
            })
        };
        desk.choose("read-state", "final")?;
        state("final")?;
        desk.click(&desk.find("undo", 5)?)?;
        state("unread")?;
        desk.select("DRAWN")?;
        desk.key(&machine, "ctrl+shift+z")?;
        state("final")
    });
    report.step("deleting asks by name, can be left, and then is for good", || {
        let before = desk.rows()?.len();
        desk.select("Report")?;
        desk.click(&desk.find("delete-study", 10)?)?;
        let question = desk.text(&desk.find("confirm-delete", 10)?)?;
        ensure!(question.contains("Report"), "the question names nobody: {question}");
        desk.key(&machine, "Escape")?;
        desk.wait_for_rows(before, 5)?;
        desk.click(&desk.find("delete-study", 10)?)?;
        desk.click(&desk.find("confirm-delete-yes", 10)?)?;
        desk.wait_for_rows(before - 1, 20)?;
        ensure!(desk.all("toast")?.is_empty(), "a deletion is offered to be taken back");
        Ok(())
    });
    report.step("films of every kind play in the window, and a broken one says why it does not", || {
        films(&desk, programs, &machine)
    });
    report.step("Escape closes the player", || {
        desk.key(&machine, "Escape")?;
        until("the player to be gone", 5, || {
            if desk.all("film")?.is_empty() { Ok(()) } else { bail!("it is still there") }
        })
    });
    report.step("Spanish: no English is left on any page", || in_language(&desk, programs, &machine, "es"));
    report.step("German: no English is left on any page", || in_language(&desk, programs, &machine, "de"));
    report.step("settings are changed", || {
        desk.click(&desk.find("settings", 10)?)?;
        desk.choose("setting-theme", "light")?;
        desk.choose("setting-density", "touch")
    });
    report.must("closing the window ends the desk", || desk.close_window(&machine))?;
    let _desk = report.must("the next start has the settings and the studies", || {
        let desk = Desk::start(&machine, programs, &cache, &[])?;
        let html = desk.all_css("html")?;
        let html = html.first().context("no page")?;
        for (name, wanted) in [("lang", "de"), ("data-theme", "bedside"), ("data-density", "touch")] {
            let is = desk.attribute(html, name)?;
            ensure!(is == wanted, "{name} is {is}, not {wanted}");
        }
        desk.wait_for_rows(4, 20)?;
        Ok(desk)
    })?;
    Ok(())
}

/// A zip archive, a medium with its DICOMDIR, and a folder that is dropped.
fn ways_in(machine: &Machine, programs: &Programs, report: &mut Report, desk: &Desk) -> Result<()> {
    report.step("import a zip archive", || {
        import::begin(desk, &programs.small_corpus.join("accepted/ct_axial_shuffled.zip"))?;
        import::summary(desk, 60)?;
        desk.wait_for_rows(1, 20)
    });
    report.step("import what a DICOMDIR lists", || {
        let medium = machine.home("medium");
        phantom::write_medium(&medium, 12, 64)?;
        import::begin(desk, &medium.join("DICOMDIR"))?;
        let summary = desk.find("import-summary", 60)?;
        let taken = desk.attribute(&summary, "data-imported")?;
        import::summary(desk, 5)?;
        ensure!(taken == "12", "{taken} of 12 files were taken");
        desk.wait_for_rows(2, 20)
    });
    report.step("a folder that is dropped on the desk is imported", || {
        let folder = programs.samples.join("us_colour_multiframe").canonicalize()?;
        desk.drop_files(machine, &[&folder], || desk.find("drop", 10).map(drop))?;
        import::summary(desk, 60)?;
        desk.wait_for_rows(3, 20)?;
        ensure!(desk.all("drop")?.is_empty(), "the window still waits for a drop");
        Ok(())
    });
    Ok(())
}

/// Changes the language on the settings page, then looks at every page and dialog for English.
fn in_language(desk: &Desk, programs: &Programs, machine: &Machine, code: &str) -> Result<()> {
    let english = language::texts(&programs.locales, "en")?;
    let own = language::texts(&programs.locales, code)?;
    let none_english = |page: &str| {
        let left = language::left_in_english(&desk.texts()?, &english, &own);
        ensure!(left.is_empty(), "{page}: {left:?}");
        Ok(())
    };
    desk.click(&desk.find("settings", 10)?)?;
    desk.choose("setting-locale", code)?;
    until("the language", 10, || {
        let html = desk.all_css("html")?;
        let lang = desk.attribute(html.first().context("no page")?, "lang")?;
        if lang == code { Ok(()) } else { bail!("it is {lang}") }
    })?;
    none_english("settings")?;
    desk.click(&desk.find("worklist-page", 10)?)?;
    desk.find("worklist", 10)?;
    none_english("worklist")?;
    for (key, dialog) in [("ctrl+k", "palette"), ("F1", "help")] {
        desk.key(machine, key)?;
        desk.find(dialog, 10)?;
        none_english(dialog)?;
        desk.key(machine, "Escape")?;
    }
    import::begin(desk, &machine.home("there is nothing"))?;
    desk.find("failure", 10)?;
    none_english("a path that leads nowhere")?;
    desk.key(machine, "Escape")?;
    import::begin(desk, &programs.small_corpus.join("refused"))?;
    desk.click(&desk.find("import-refused", 30)?)?;
    none_english("refused files")?;
    import::summary(desk, 5).map(drop)
}

/// Every film of the small corpus is played, one with a stream of nothing after its first bytes is not; the screenshot
/// is of the last one that plays.
fn films(desk: &Desk, programs: &Programs, machine: &Machine) -> Result<()> {
    let folder = machine.home("films");
    std::fs::create_dir_all(&folder)?;
    let names = ["h264_mp4", "h264_ts", "mpeg2_stream", "hevc_ts"];
    for name in names {
        let file = format!("{name}.dcm");
        std::fs::copy(programs.small_corpus.join("films").join(&file), folder.join(&file))?;
    }
    let broken = std::fs::read(folder.join("mpeg2_stream.dcm"))?;
    std::fs::write(folder.join("broken.dcm"), without_pictures(broken)?)?;
    import::begin(desk, &folder)?;
    import::summary(desk, 60)?;
    desk.select("Film")?;
    desk.find("play-film", 10)?;
    let films = desk.all("play-film")?.len();
    ensure!(films == names.len() + 1, "{films} films are listed");
    // The broken one is a second file of the third series.
    for film in [3, 4, 2, 1, 0] {
        let button = desk.all("play-film")?.into_iter().nth(film).context("the film is no longer listed")?;
        desk.click(&button)?;
        if film == 3 {
            let said = desk.text(&desk.find("film-unplayable", 30)?)?;
            ensure!(said.contains("MPEG-2"), "it says: {said}");
        } else {
            until(&format!("film {film} to play"), 30, || {
                let screen = desk.find("film-screen", 5)?;
                let playing = desk.attribute(&screen, "data-playing")?;
                if playing == "true" { Ok(()) } else { bail!("the film does not move") }
            })?;
        }
        if film != 0 {
            desk.key(machine, "Escape")?;
        }
    }
    Ok(())
}

/// The same film as another instance, with zeros for everything but the beginning of its stream.
fn without_pictures(mut file: Vec<u8>) -> Result<Vec<u8>> {
    let (uid, other) = (b"2.25.771113", b"2.25.771119");
    let places: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(uid)).collect();
    for at in places {
        file[at..at + uid.len()].copy_from_slice(other);
    }
    let stream = file.windows(4).position(|begin| begin == [0, 0, 1, 0xB3]).context("no stream")?;
    let end = file.len() - 8;
    file[stream + 4..end].fill(0);
    Ok(file)
}
