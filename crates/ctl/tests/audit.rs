//! `audit verify` and `audit export` by the real program: the documents and exit codes that site scripts depend on.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its files has failed")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CTL: &str = env!("CARGO_BIN_EXE_medsightctl");

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn run(folder: &Path, args: &[&str]) -> (i32, Value) {
    let mut command = Command::new(CTL);
    command.arg("--json").args(args).args(["--cache", &path(folder, "cache")]);
    command.env("MEDSIGHT_KEY", format!("file:{}", path(folder, "key")));
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

/// A cache with a series of the repository's own corpus.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let series: PathBuf = medsight_base::testing::own_corpus().join("accepted/series/ct_axial_shuffled");
    assert_eq!(run(folder.path(), &["import", &series.display().to_string()]).0, 0);
    folder
}

#[test]
fn a_whole_trail_says_so_and_ends_with_0() {
    let folder = filled();
    let (code, document) = run(folder.path(), &["audit", "verify"]);
    assert_eq!((code, &document["chain"]), (0, &Value::from("whole")));
    assert_eq!((&document["first"], &document["last"]), (&Value::from(1), &document["events"]));
    assert!(document["events"].as_u64().unwrap() >= 2);
}

#[test]
fn a_trail_whose_mark_was_taken_away_ends_with_5_until_somebody_says_why() {
    let folder = filled();
    std::fs::remove_file(folder.path().join("cache/audit.mark")).unwrap();
    let (code, document) = run(folder.path(), &["audit", "verify"]);
    assert_eq!((code, document["chain"]["how"].as_str()), (5, Some("mark")));
    assert!(document["chain"]["broken_at"].is_u64());
    let reason = ["audit", "accept-restore", "--reason", "copied without it"];
    assert_eq!(run(folder.path(), &reason).0, 0);
    assert_eq!(run(folder.path(), &["audit", "verify"]).0, 0);
}

#[test]
fn no_cache_ends_with_3_another_key_with_4_and_a_form_that_is_none_with_2() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["audit", "verify"]).0, 3);
    let folder = filled();
    std::fs::write(folder.path().join("key"), [9; 32]).unwrap();
    assert_eq!(run(folder.path(), &["audit", "verify"]).0, 4);
    assert_eq!(run(folder.path(), &["audit", "export", "--format", "pdf"]).0, 2);
}

#[test]
fn an_export_has_every_event_in_each_form_and_is_itself_an_event() {
    let folder = filled();
    let out = path(folder.path(), "out");
    let args = ["audit", "export", "--format", "fhir,dicom,csv", "--out", &out];
    let (code, document) = run(folder.path(), &args);
    assert_eq!((code, &document["chain"]), (0, &Value::from("whole")));
    let events = document["events"].as_u64().unwrap() as usize;
    let read = |name: &str| std::fs::read_to_string(Path::new(&out).join(name)).unwrap();
    let resources: Vec<Value> =
        read("audit.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(resources.len(), events);
    assert!(resources.iter().all(|resource| resource["resourceType"] == "AuditEvent"));
    assert_eq!(read("audit.xml").matches("<AuditMessage>").count(), events);
    assert_eq!(read("audit.csv").lines().count(), events + 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(Path::new(&out).join("audit.csv")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "whose data it is stays with who exported it");
    }
    let (code, _) = run(folder.path(), &args);
    assert_eq!(code, 7, "files that exist are not overwritten");
    let (_, later) = run(folder.path(), &["audit", "verify"]);
    assert_eq!(later["events"].as_u64().unwrap() as usize, events + 1);
}
