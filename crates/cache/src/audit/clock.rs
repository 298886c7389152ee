//! Whether the system clock follows a time server, as the platform tells it.
//!
//! Asked are, in this order: `timedatectl` (systemd; it reads the kernel's own word, whichever service sets the clock),
//! `chronyc`, `ntpq`, and on Windows `w32tm`. They take their time, so that an event takes what was told last, and is a reason
//! to ask again when that is old; until the first answer it is unknown. An idle workstation asks nobody.

use medsight_audit::ClockState;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What was told is taken for so long.
const FRESH: Duration = Duration::from_secs(300);
/// After so long without being asked nobody knows any more.
const STALE: Duration = Duration::from_secs(3600);
/// A program that does not answer within this is ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where such programs are: never a folder that an account can write to.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// What was told last.
#[derive(Clone, Default)]
pub(crate) struct SystemClock(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    state: ClockState,
    asked: Option<Instant>,
}

impl SystemClock {
    /// What was told last. Has it asked anew, on a thread of its own, when that is old.
    pub(crate) fn state(&self) -> ClockState {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = told.asked.map(|asked| asked.elapsed());
        if age.is_some_and(|age| age > STALE) {
            told.state = ClockState::Unknown;
        }
        if age.is_none_or(|age| age > FRESH) {
            told.asked = Some(Instant::now());
            let here = Arc::clone(&self.0);
            let asks = std::thread::Builder::new().name("clock".into()).spawn(move || {
                let state = ask();
                here.lock().unwrap_or_else(PoisonError::into_inner).state = state;
            });
            if asks.is_err() {
                told.state = ClockState::Unknown;
            }
        }
        told.state
    }
}

/// One who can be asked: program, arguments, and what its answer means.
type Asked = (&'static str, &'static [&'static str], fn(&str) -> ClockState);

const UNIX: [Asked; 3] = [
    ("timedatectl", &["show", "--property=NTPSynchronized", "--value"], timedatectl),
    ("chronyc", &["-n", "tracking"], chrony),
    ("ntpq", &["-c", "rv 0 leap"], ntpq),
];

fn ask() -> ClockState {
    if cfg!(windows) {
        let system =
            std::env::var_os("SystemRoot").map(|root| Path::new(&root).join("System32").join("w32tm.exe"));
        return system
            .and_then(|program| answer(&program, &["/query", "/status"]))
            .map_or(ClockState::Unknown, |said| w32time(&said));
    }
    let states = UNIX.iter().filter_map(|(name, arguments, meaning)| {
        let program =
            FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())?;
        Some(meaning(&answer(&program, arguments)?))
    });
    states.into_iter().find(|state| *state != ClockState::Unknown).unwrap_or_default()
}

/// What a program says, where it ends well and in time. It speaks English and knows nothing of this one's surroundings.
fn answer(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let begun = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            _ => {
                let _gone = child.kill();
                let _gone = child.wait();
                break false;
            }
        }
    };
    let mut said = String::new();
    // Shorter than a pipe holds, so that it could end before it was read.
    child.stdout.take()?.take(8192).read_to_string(&mut said).ok()?;
    ended.then_some(said)
}

/// `yes` or `no` (timedatectl(1), property NTPSynchronized: the kernel's clock has an error below 16 s by its own word).
fn timedatectl(said: &str) -> ClockState {
    match said.trim() {
        "yes" => ClockState::Synchronised,
        "no" => ClockState::Unsynchronised,
        _ => ClockState::Unknown,
    }
}

/// `Leap status     : Normal` (chronyc(1), tracking).
fn chrony(said: &str) -> ClockState {
    let status = said.lines().find_map(|line| line.strip_prefix("Leap status")?.split_once(':'));
    match status.map(|(_, status)| status.trim()) {
        Some("Not synchronised") => ClockState::Unsynchronised,
        Some("Normal" | "Insert second" | "Delete second") => ClockState::Synchronised,
        _ => ClockState::Unknown,
    }
}

/// `leap=00` (ntpq(8), leap indicator of RFC 5905 in bits: 11 is "not synchronised").
fn ntpq(said: &str) -> ClockState {
    let leap = said.split([',', '\n', ' ']).find_map(|part| part.trim().strip_prefix("leap="));
    match leap.map(str::trim) {
        Some("11") => ClockState::Unsynchronised,
        Some("00" | "01" | "10") => ClockState::Synchronised,
        _ => ClockState::Unknown,
    }
}

/// The first line ends in the leap indicator with words in the language of the system: `…: 0(no warning)`; 3 is "not
/// synchronised".
fn w32time(said: &str) -> ClockState {
    let first = said.lines().find(|line| !line.trim().is_empty()).and_then(|line| line.rsplit_once(':'));
    match first.and_then(|(_, value)| value.trim().chars().next()) {
        Some('3') => ClockState::Unsynchronised,
        Some('0'..='2') => ClockState::Synchronised,
        _ => ClockState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use ClockState::{Synchronised, Unknown, Unsynchronised};

    #[test]
    fn each_service_is_understood_and_what_says_nothing_is_unknown() {
        let chronyd =
            "Reference ID    : C0248F82 (192.36.143.130)\nStratum         : 2\nLeap status     : Normal\n";
        assert_eq!((timedatectl("yes\n"), timedatectl("no\n")), (Synchronised, Unsynchronised));
        assert_eq!(chrony(chronyd), Synchronised);
        assert_eq!(chrony("Leap status     : Not synchronised\n"), Unsynchronised);
        assert_eq!(chrony("506 Cannot talk to daemon\n"), Unknown);
        assert_eq!(
            (ntpq("leap=00\n"), ntpq("assID=0 status=c016, leap=11, stratum=16\n")),
            (Synchronised, Unsynchronised)
        );
        assert_eq!(w32time("Leap Indicator: 0(no warning)\r\nStratum: 4\r\n"), Synchronised);
        assert_eq!(w32time("Sprungindikator: 3(nicht synchronisiert)\r\n"), Unsynchronised);
        for meaning in [timedatectl, chrony, ntpq, w32time] {
            assert_eq!(meaning(""), Unknown);
            assert_eq!(meaning("The service has not been started. (0x80070426)\n"), Unknown);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_or_is_not_there_says_nothing() {
        assert_eq!(answer(Path::new("/bin/sh"), &["-c", "echo yes"]).unwrap(), "yes\n");
        assert_eq!(answer(Path::new("/bin/sh"), &["-c", "echo yes; exit 1"]), None);
        assert_eq!(answer(Path::new("/no/such/program"), &[]), None);
    }
}
