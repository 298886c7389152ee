//! Builds everything, imports the sample studies and opens the application; or does it as a tour without a display.

use crate::run::{self, Usage, run, run_command, step};
use crate::setup::{self, Purpose};
use anyhow::{Context, Result, bail};
use medsight_e2e::Programs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the demonstration.
pub(crate) fn demo(words: &[String]) -> Result<()> {
    let mut headless = std::env::var_os("DISPLAY").is_none() && std::env::var_os("WAYLAND_DISPLAY").is_none();
    let mut out = None;
    let mut key = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--headless" => headless = true,
            "--out" => {
                out = Some(PathBuf::from(words.next().ok_or_else(|| Usage("--out needs a folder".into()))?))
            }
            "--key" => key = Some(words.next().cloned().ok_or_else(|| Usage("--key needs a source".into()))?),
            other => return Err(Usage(format!("demo does not know `{other}`")).into()),
        }
    }
    step("setup", || setup::setup(if headless { Purpose::Tour } else { Purpose::Show }))?;
    step("build the front end", build_front_end)?;
    step("build the programs", build)?;
    if headless {
        let out = out.unwrap_or_else(|| run::target_dir().join("demo"));
        return step("the tour", || tour(&std::path::absolute(&out)?));
    }
    show(key.as_deref())
}

/// Builds the programs, all in one call: separate calls would compile shared packages once for each set of features.
fn build() -> Result<()> {
    run("cargo build --workspace --bins --locked")
}

/// Builds the programs where tests were built before: with the features that tests ask for too, nothing is compiled twice.
pub(crate) fn build_beside_tests() -> Result<()> {
    run("cargo build --workspace --bins --tests --locked")
}

/// Builds the front end, unless nothing in it is newer than the last build.
fn build_front_end() -> Result<()> {
    let ui = run::root().join("ui");
    let built = std::fs::metadata(ui.join("dist/index.html")).and_then(|m| m.modified()).ok();
    let newest = newest_source(&ui);
    if built.is_some() && built > newest {
        println!("The front end is as built last");
        return Ok(());
    }
    setup::npm("run build")
}

fn newest_source(folder: &Path) -> Option<std::time::SystemTime> {
    let skipped = ["node_modules", "dist"];
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let kept = entries.filter(|entry| !skipped.iter().any(|name| entry.file_name() == *name));
    kept.filter_map(|entry| match entry.file_type().ok()?.is_dir() {
        true => newest_source(&entry.path()),
        false => entry.metadata().ok()?.modified().ok(),
    })
    .max()
}

/// Where the programs are that were built.
pub(crate) fn programs() -> Result<Programs> {
    let find = |name: &str| {
        let path = run::built("debug", name);
        if path.is_file() { Ok(path) } else { bail!("{} was not built", path.display()) }
    };
    Ok(Programs {
        desk: find("medsight")?,
        light_box: find("medsight-imaging")?,
        ctl: find("medsightctl")?,
        tauri_driver: setup::tool("tauri-driver").context("tauri-driver is not installed")?,
        locales: run::root().join("assets/locales"),
        samples: run::root().join("assets/samples/studies"),
        small_corpus: run::root().join("tests/corpus"),
    })
}

fn tour(out: &Path) -> Result<()> {
    let failed = medsight_e2e::tour(&programs()?, out)?;
    println!("report.json and a screenshot a step are in {}", out.display());
    if failed > 0 {
        bail!("{failed} steps of the tour failed");
    }
    Ok(())
}

/// What `medsightctl` answers when the key of the cache can't be had.
const LOCKED: i32 = 4;

/// With a display: the samples go into a cache of the demonstration's own, under a key in the person's keyring, or where
/// `--key` says.
fn show(key: Option<&str>) -> Result<()> {
    let cache = data_home()?.join("medsight-demo");
    std::fs::create_dir_all(&cache)?;
    let programs = programs()?;
    let choice: Vec<&str> = key.iter().flat_map(|source| ["--key", source]).collect();
    step("import the sample studies", || {
        let mut import = Command::new(&programs.ctl);
        import.arg("import").arg(&programs.samples).arg("--cache").arg(&cache).args(&choice);
        let status = import.status().context("medsightctl could not be started")?;
        match status.code() {
            Some(LOCKED) if key.is_none() => bail!("{}", without_keyring(&data_home()?)),
            _ if status.success() => Ok(()),
            _ => bail!("`medsightctl import assets/samples/studies` ended with {status}"),
        }
    })?;
    step("the application", || {
        let mut desk = Command::new(&programs.desk);
        desk.arg("--cache").arg(&cache).args(&choice);
        run_command(&mut desk, "medsight")
    })
}

/// What to do where no keyring gives the key. Another place for it is a person's choice and never made for them.
fn without_keyring(data: &Path) -> String {
    format!(
        "the samples are kept encrypted, and the keyring did not give their key (see above). Either\n  \
         - start or unlock a keyring service, such as GNOME Keyring or KWallet, and run this again, or\n  \
         - keep the demonstration's key in a file that only you can read:\n\n      \
         cargo xtask demo --key file:{}\n",
        data.join("medsight-demo.key").display()
    )
}

/// The person's folder for data (XDG base directories).
fn data_home() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("XDG_DATA_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    let home = std::env::var_os("HOME").context("neither XDG_DATA_HOME nor HOME is set")?;
    Ok(PathBuf::from(home).join(".local/share"))
}
