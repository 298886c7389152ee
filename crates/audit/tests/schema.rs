//! Messages for an audit repository against the schema of PS3.15 A.5.1, by a validator of others (libxml2).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod drawn;

use drawn::{SITE, links};
use medsight_audit::dicom;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the validator says to these files: nothing where they are valid.
fn objections(files: &[std::path::PathBuf]) -> Option<String> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema/audit_message.rng");
    let mut command = Command::new("xmllint");
    command.args(["--noout", "--nonet", "--relaxng"]).arg(schema).args(files).stdout(Stdio::null());
    let done = command.output().ok()?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!said.contains("failed to compile") && !said.contains("is not a"), "the schema is wrong: {said}");
    Some(if done.status.success() { String::new() } else { said })
}

#[test]
fn every_message_follows_the_schema_of_the_standard() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit-messages");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, xml: &str| {
        let path = folder.join(name);
        std::fs::write(&path, xml).unwrap();
        path
    };
    let messages: Vec<String> = links().iter().map(|link| dicom(link, SITE)).collect();
    let good: Vec<_> =
        messages.iter().enumerate().map(|(at, xml)| write(&format!("{at}.xml"), xml)).collect();
    let Some(said) = objections(&good) else {
        let why = "SKIPPED: xmllint is not here (libxml2-utils): no message was compared with the schema";
        let _unwritten = writeln!(std::io::stderr().lock(), "{why}");
        return;
    };
    assert_eq!(said, "");
    let changes = [
        ("EventOutcomeIndicator=\"0\"", "EventOutcomeIndicator=\"1\""),
        ("UserIsRequestor=\"true\"", "UserIsRequestor=\"perhaps\""),
        (" originalText=\"Import\"", ""),
        ("<ParticipantObjectName>Study</ParticipantObjectName>", ""),
        ("</AuditMessage>", "<Remark/></AuditMessage>"),
    ];
    for (at, (from, to)) in changes.iter().enumerate() {
        let with = messages.iter().find(|xml| xml.contains(from)).unwrap();
        let wrong = write(&format!("wrong-{at}.xml"), &with.replacen(from, to, 1));
        assert_ne!(objections(&[wrong]), Some(String::new()), "the validator looks at {from}");
    }
}
