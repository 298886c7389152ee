//! The network verbs by the real program: what goes out, what comes into the encrypted cache, and what an end in
//! the middle leaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its files has failed")]

#[path = "../../pacs/tests/peers/mod.rs"]
mod peers;

use peers::{Peer, ct_series, free_port, start};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CTL: &str = env!("CARGO_BIN_EXE_medsightctl");

fn ctl(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(CTL);
    command.arg("--json").args(args).env("MEDSIGHT_KEY", format!("file:{}", folder.join("key").display()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> (i32, Value) {
    let output = ctl(folder, args).output().unwrap();
    (output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

/// Our own listener, into the cache of the folder.
fn listener(folder: &Path, port: u16) -> Peer {
    let address = format!("127.0.0.1:{port}");
    let cache = folder.join("cache");
    let mut command =
        ctl(folder, &["pacs", "listen", "--aet", "OURS", "--allow", "MEDSIGHT", "--listen", &address]);
    command.arg("--cache").arg(cache);
    start(command, port, folder)
}

fn checked(folder: &Path) -> Value {
    let cache = folder.join("cache");
    let (code, document) =
        run(folder, &["cache", "check", "--read-data", "--cache", cache.to_str().unwrap()]);
    assert_eq!(code, 0, "{document}");
    document
}

#[test]
fn a_peer_that_is_not_there_is_exit_code_6_and_a_bad_title_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let peer = format!("NOBODY@127.0.0.1:{}", free_port());
    let (code, document) = run(folder.path(), &["pacs", "echo", &peer]);
    assert_eq!((code, document["error"]["code"].as_str()), (6, Some("unreachable")));
    let url = format!("http://127.0.0.1:{}/dicom-web", free_port());
    assert_eq!(run(folder.path(), &["pacs", "web-find", &url]).0, 6);
    assert_eq!(run(folder.path(), &["pacs", "echo", "SEVENTEEN_LETTERS@127.0.0.1:104"]).0, 2);
    assert_eq!(run(folder.path(), &["pacs", "find", &peer, "-m", "NoSuchThing=1"]).0, 2);
}

#[test]
fn what_one_workstation_sends_is_in_the_cache_of_the_other_once() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut ours = listener(folder.path(), port);
    let (_, study) = ct_series(&folder.path().join("ct"), 12, 64, 301);
    let (peer, ct) = (format!("OURS@127.0.0.1:{port}"), folder.path().join("ct").display().to_string());
    assert_eq!(run(folder.path(), &["pacs", "echo", &peer]).0, 0);
    assert_eq!(run(folder.path(), &["pacs", "echo", &peer, "--aet", "STRANGER"]).0, 7);
    for _ in 0..2 {
        let (code, document) = run(folder.path(), &["pacs", "send", &peer, &ct]);
        assert_eq!((code, document["stored"].as_u64()), (0, Some(12)), "{document}");
    }
    ours.kill();
    let report = checked(folder.path());
    assert_eq!((report["studies"].as_u64(), report["instances"].as_u64()), (Some(1), Some(12)));
    let cache = folder.path().join("cache").display().to_string();
    let (_, listed) = run(folder.path(), &["ls", "--cache", &cache]);
    assert_eq!(listed["studies"][0]["uid"].as_str(), Some(study.as_str()));
}

#[test]
fn a_workstation_killed_while_it_receives_has_all_that_it_acknowledged_and_gets_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut ours = listener(folder.path(), port);
    ct_series(&folder.path().join("ct"), 300, 256, 302);
    let peer = format!("OURS@127.0.0.1:{port}");
    let mut sending = ctl(folder.path(), &["pacs", "send", &peer, "--retry-s", "60"]);
    let sending = sending.arg(folder.path().join("ct")).spawn().unwrap();
    let blobs = folder.path().join("cache/blobs");
    let begun = Instant::now();
    while count(&blobs) < 60 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing came");
        std::thread::sleep(Duration::from_millis(5));
    }
    ours.kill();
    let mut ours = listener(folder.path(), port);
    let output = sending.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), document["stored"].as_u64()), (Some(0), Some(300)), "{document}");
    assert!(document["resumed"].as_u64() >= Some(1), "the test killed nothing: {document}");
    ours.kill();
    let report = checked(folder.path());
    assert_eq!((report["studies"].as_u64(), report["instances"].as_u64()), (Some(1), Some(300)));
}

/// Files below a folder.
fn count(folder: &Path) -> usize {
    let entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.iter().map(|path| if path.is_dir() { count(path) } else { 1 }).sum()
}

#[test]
fn a_study_comes_from_dcmtk_into_the_cache_and_a_second_get_brings_nothing() {
    let folder = tempfile::Builder::new().prefix("msn").tempdir().unwrap();
    let port = free_port();
    let Some(_peer) = peers::dcmqrscp(folder.path(), port, free_port()) else { return };
    let (_, study) = ct_series(&folder.path().join("ct"), 20, 64, 303);
    let ct = folder.path().join("ct").display().to_string();
    let cache = folder.path().join("cache").display().to_string();
    let peer = format!("DCMQR@127.0.0.1:{port}");
    let as_us = ["--aet", "WORKSTATION"];
    assert_eq!(run(folder.path(), &["pacs", "send", &peer, &ct, as_us[0], as_us[1]]).0, 0);
    let find = ["pacs", "find", &peer, "-m", "PatientID=NET1", as_us[0], as_us[1]];
    let (code, found) = run(folder.path(), &find);
    assert_eq!(
        (code, found["matches"][0]["StudyInstanceUID"].as_str()),
        (0, Some(study.as_str())),
        "{found}"
    );
    let get = ["pacs", "get", &peer, "--study", &study, "--cache", &cache, as_us[0], as_us[1]];
    let (code, got) = run(folder.path(), &get);
    assert_eq!((code, got["kept"]["new"].as_u64()), (0, Some(20)), "{got}");
    let (code, again) = run(folder.path(), &get);
    assert_eq!((code, again["here_before"].as_u64(), again["kept"]["new"].as_u64()), (0, Some(20), Some(0)));
    assert_eq!(checked(folder.path())["instances"].as_u64(), Some(20));
}
