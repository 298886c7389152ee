//! The pages as whoever prints a report meets them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use super::*;
use medsight_base::{StudyUid, Timestamp};
use medsight_record::report::{Content, ReportId, ReportStatus, Section, Signature, Urgency};
use medsight_record::words::Locale;
use uuid::Uuid;

const SIGNED: Timestamp = Timestamp(1_790_000_000_000);

fn report(text: &str) -> Report {
    let section = |key: &str, heading: &str, text: &str| Section {
        key: key.into(),
        heading: heading.into(),
        text: text.into(),
        ..Section::default()
    };
    let content = Content {
        language: "de".into(),
        title: "CT Schädel".into(),
        sections: vec![
            section("findings", "Befund", text),
            section("impression", "Beurteilung", "Größer als zuvor."),
        ],
        ..Content::default()
    };
    let signature = Signature { account: "a".into(), name: "Dr. Jürgen Ärzt".into(), at: SIGNED };
    let version = |number, status, addendum: Option<&str>| ReportVersion {
        number,
        status,
        signatures: vec![signature.clone()],
        reason: None,
        addendum: addendum.map(str::to_owned),
        content: content.clone(),
    };
    Report {
        id: ReportId(Uuid::from_u128(1)),
        study: StudyUid::parse("2.25.1").unwrap(),
        status: ReportStatus::Addendum,
        versions: vec![
            version(1, ReportStatus::Final, None),
            version(2, ReportStatus::Addendum, Some("Rücksprache gehalten.")),
        ],
        working: None,
        critical: vec![CriticalResult {
            id: Uuid::from_u128(2),
            result: "Blutung".into(),
            urgency: Urgency::Minutes,
            told: "Dr. Ward".into(),
            by_way_of: "phone".into(),
            told_at: SIGNED,
            is_read_back: true,
        }],
    }
}

fn made(report: &Report, number: u32) -> Result<Vec<u8>, PaperError> {
    let words = Words::new(Locale::De);
    let around = Around {
        identity: "MÜLLER^JOSÉ · 1957-03-14 (69 M) · ID 004711",
        about: "2026-01-02 · CT · Schädel",
        utc_offset_min: 60,
        words: &words,
    };
    pdf(report, number, &around)
}

#[test]
fn a_long_report_has_as_many_pages_as_it_needs_and_the_same_version_gives_the_same_file() {
    let short = made(&report("Kein Befund."), 2).unwrap();
    let long = made(&report(&"Eine Zeile des Befundes.\n".repeat(120)), 2).unwrap();
    let pages =
        |pdf: &[u8]| pdf.windows(11).filter(|w| w.starts_with(b"/Type/Page") && !w.ends_with(b"s")).count();
    assert!(short.starts_with(b"%PDF-1.7"));
    assert_eq!(pages(&short), 1);
    assert!(pages(&long) >= 3, "{}", pages(&long));
    assert_eq!(made(&report("Kein Befund."), 2).unwrap(), short);
}

#[test]
fn a_sign_that_would_be_a_box_on_paper_is_named() {
    assert_eq!(made(&report("Befund: 肺"), 1), Err(PaperError::NoGlyph('肺')));
    assert_eq!(made(&report("Kein Befund."), 3), Err(PaperError::NoVersion(3)));
}

#[test]
fn moments_stand_on_the_clock_of_the_place() {
    assert_eq!(local(0, 0), "1970-01-01 00:00");
    assert_eq!(local(SIGNED.0, 60), "2026-09-21 15:13");
    assert_eq!(local(951_782_400_000, -60), "2000-02-28 23:00");
}

#[test]
fn what_stands_in_the_lines_is_what_was_signed_up_to_that_version() {
    let words = Words::new(Locale::De);
    let report = report("Kein Befund.");
    let around = Around { identity: "", about: "", utc_offset_min: 0, words: &words };
    let texts = |upto: usize| -> Vec<String> {
        let lines = lines(&report.versions[..upto], &report.versions[upto - 1], &report.critical, &around);
        lines.into_iter().map(|line| line.text).collect()
    };
    assert!(!texts(1).contains(&"Rücksprache gehalten.".to_owned()));
    assert!(texts(2).contains(&"Rücksprache gehalten.".to_owned()));
    assert!(texts(2).iter().any(|text| text.contains("Dr. Jürgen Ärzt, 2026-09-21 14:13")));
}
