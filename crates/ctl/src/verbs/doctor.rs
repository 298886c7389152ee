//! `doctor`: whether this machine has what the workstation needs, one row a check.

use super::store::{Store, shown};
use crate::output::{Exit, Output};
use medsight_cache::{Cache, CacheError};
use medsight_gpu::Gpu;
use medsight_vault::KeyError;
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Check that this machine has what the workstation needs.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: Store,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    Warn,
    Fail,
}

#[derive(Serialize)]
pub(super) struct Row {
    check: &'static str,
    status: Status,
    detail: String,
    what_to_do: String,
}

impl Row {
    pub(super) fn new(
        check: &'static str,
        status: Status,
        detail: impl Into<String>,
        what_to_do: &str,
    ) -> Self {
        Self { check, status, detail: detail.into(), what_to_do: what_to_do.to_owned() }
    }

    pub(super) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, detail, "")
    }
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let mut rows = graphics();
    rows.push(display());
    rows.push(keyring(&args.store));
    rows.push(cache(&args.store));
    rows.push(clock());
    rows.extend(super::doctor_servers::rows());
    rows.push(policy());
    out.document(&rows, |rows| rows.iter().map(line).collect::<Vec<_>>().join("\n"));
    if rows.iter().any(|row| row.status == Status::Fail) { Exit::Partly } else { Exit::Done }
}

fn line(row: &Row) -> String {
    let status = match row.status {
        Status::Ok => "ok  ",
        Status::Warn => "WARN",
        Status::Fail => "FAIL",
    };
    let to_do =
        if row.what_to_do.is_empty() { String::new() } else { format!("\n       {}", row.what_to_do) };
    format!("{status}  {}: {}{to_do}", row.check, row.detail)
}

fn graphics() -> Vec<Row> {
    match Gpu::headless() {
        Ok(gpu) => {
            let text = gpu.adapter_text();
            let adapter = if gpu.is_software {
                let to_do = "Images are drawn by the processor, which is slow for 3D. Install the driver of the \
                             graphics card, if there is one.";
                Row::new("adapter", Status::Warn, text, to_do)
            } else {
                Row::ok("adapter", text)
            };
            let budget = gpu.memory.budget() >> 20;
            vec![adapter, Row::ok("memory budget", format!("{budget} MiB for images on the adapter"))]
        }
        Err(error) => {
            let to_do = "Install a Vulkan driver (on Debian and Ubuntu: mesa-vulkan-drivers).";
            vec![Row::new("adapter", Status::Fail, error.to_string(), to_do)]
        }
    }
}

fn display() -> Row {
    let session = ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().find(|name| std::env::var_os(name).is_some());
    match session {
        _ if cfg!(any(windows, target_os = "macos")) => Row::ok("display", "of the system"),
        Some("DISPLAY") => Row::ok("display", "X11"),
        Some(_) => Row::ok("display", "Wayland"),
        None => {
            let to_do = "Sign in to a graphical session to use the windows; the command line works without.";
            Row::new("display", Status::Warn, "no graphical session", to_do)
        }
    }
}

fn keyring(store: &Store) -> Row {
    let source = match store.key_source() {
        Ok(source) => source,
        Err(error) => return Row::new("keyring", Status::Fail, error.code(), &error.to_string()),
    };
    let has_cache = store.folder().is_ok_and(|folder| Cache::exists(&folder));
    match source.load() {
        Ok(_) => Row::ok("keyring", format!("the key is in {}", source.place())),
        Err(KeyError::KeyMissing { .. }) if !has_cache => {
            Row::ok("keyring", format!("ready; the key will be made in {}", source.place()))
        }
        Err(error) => Row::new("keyring", Status::Fail, error.code(), &error.to_string()),
    }
}

fn cache(store: &Store) -> Row {
    let held = store.folder().and_then(|folder| {
        if Cache::exists(&folder) { store.open_for_reading()?.usage().map(Some) } else { Ok(None) }
    });
    match held {
        Ok(Some(usage)) => Row::ok(
            "cache",
            format!(
                "{} studies, {:.1} MB, {} waiting",
                usage.studies,
                usage.bytes as f64 / 1e6,
                usage.waiting
            ),
        ),
        Ok(None) => {
            Row::ok("cache", format!("none yet in {}", store.folder().map(|f| shown(&f)).unwrap_or_default()))
        }
        Err(error @ CacheError::Key(_)) => {
            Row::new("cache", Status::Warn, "not looked at without its key", &error.to_string())
        }
        Err(error) => Row::new("cache", Status::Fail, error.code(), &error.to_string()),
    }
}

/// A clock that is far off makes studies sort wrongly and certificates fail.
fn clock() -> Row {
    // 2025-01-01: before this program was written.
    let earliest = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600);
    let timesync = Path::new("/run/systemd/timesync");
    if SystemTime::now() < earliest {
        return Row::new(
            "clock",
            Status::Fail,
            "before 2025",
            "Set the clock, or switch on time synchronisation.",
        );
    }
    if timesync.is_dir() && !timesync.join("synchronized").exists() {
        let to_do = "Let the machine reach its time server, or run: timedatectl set-ntp true";
        return Row::new("clock", Status::Warn, "not synchronised yet", to_do);
    }
    Row::ok("clock", "plausible")
}

/// Settings that the site fixes for everybody.
fn policy() -> Row {
    let path = if cfg!(windows) {
        std::env::var_os("ProgramData").map(|base| Path::new(&base).join("MedSight").join("policy.toml"))
    } else {
        Some(Path::new("/etc/medsight/policy.toml").to_path_buf())
    };
    match path.filter(|path| path.exists()) {
        None => Row::ok("policy", "none: every setting is the user's"),
        Some(path) => match std::fs::read_to_string(&path).map(|text| toml::from_str::<toml::Table>(&text)) {
            Ok(Ok(table)) => Row::ok("policy", format!("{} settings in {}", table.len(), path.display())),
            Ok(Err(error)) => {
                let to_do = "Correct the policy file; until then it is not applied.";
                Row::new("policy", Status::Fail, format!("{}: {}", path.display(), error.message()), to_do)
            }
            Err(error) => {
                let to_do = "Make the policy file readable for every user.";
                Row::new("policy", Status::Fail, format!("{}: {error}", path.display()), to_do)
            }
        },
    }
}
