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
    made_with(report, number, &[])
}

fn made_with(report: &Report, number: u32, pictures: &[Picture]) -> Result<Vec<u8>, PaperError> {
    let words = Words::new(Locale::De);
    let around = Around {
        identity: "MÜLLER^JOSÉ · 1957-03-14 (69 M) · ID 004711",
        about: "2026-01-02 · CT · Schädel",
        utc_offset_min: 60,
        words: &words,
        pictures,
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
    let around = Around { identity: "", about: "", utc_offset_min: 0, words: &words, pictures: &[] };
    let texts = |upto: usize| -> Vec<String> {
        let lines = lines(&report.versions[..upto], &report.versions[upto - 1], &report.critical, &around);
        lines.into_iter().map(|line| line.text).collect()
    };
    assert!(!texts(1).contains(&"Rücksprache gehalten.".to_owned()));
    assert!(texts(2).contains(&"Rücksprache gehalten.".to_owned()));
    assert!(texts(2).iter().any(|text| text.contains("Dr. Jürgen Ärzt, 2026-09-21 14:13")));
}

/// A grey ramp with a white cross in the middle.
fn ramp(size_px: [u32; 2]) -> Pixels {
    let [columns, rows] = size_px;
    let grey =
        |x: u32, y: u32| if x == columns / 2 || y == rows / 2 { 255 } else { (x * 200 / columns) as u8 };
    let rgb = (0..rows).flat_map(|y| (0..columns).flat_map(move |x| [grey(x, y); 3])).collect();
    Pixels { size_px, rgb: std::sync::Arc::new(rgb) }
}

fn key_image() -> Picture {
    let mark = |shape, points: &[[f64; 2]], label: &str| Mark {
        shape,
        points: points.to_vec(),
        label: label.into(),
    };
    Picture {
        caption: "K1: Serie 3, Bild 17 · W 80 L 40 · M1 23.4 mm".into(),
        pixels: Some(ramp([300, 200])),
        marks: vec![
            mark(Shape::Open, &[[0.2, 0.2], [0.6, 0.7]], "M1"),
            mark(Shape::Ellipse, &[[0.5, 0.1], [0.9, 0.5]], "M2"),
            mark(Shape::Arrow, &[[0.1, 0.9], [0.3, 0.6]], "M3"),
            mark(Shape::Closed, &[[0.7, 0.7], [0.9, 0.7], [0.8, 0.9]], "M4"),
            mark(Shape::Box, &[[0.05, 0.05], [0.15, 0.3]], "M5"),
        ],
    }
}

/// Grey values of all pages at 36 dots an inch, as Ghostscript draws them; nothing where it is not here.
fn drawn(pdf: &[u8]) -> Option<Vec<u8>> {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};
    let arguments =
        ["-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pgmraw", "-r36", "-sOutputFile=-", "-"];
    let mut command = Command::new("gs");
    let mut gs = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let (mut stdin, bytes) = (gs.stdin.take().unwrap(), pdf.to_vec());
    let feeds = std::thread::spawn(move || stdin.write_all(&bytes));
    let mut pages = Vec::new();
    gs.stdout.take().unwrap().read_to_end(&mut pages).unwrap();
    feeds.join().unwrap().unwrap();
    assert!(gs.wait().unwrap().success(), "Ghostscript can't read it");
    Some(pages)
}

#[test]
fn a_key_image_stands_on_paper_with_its_measurements_and_its_caption() {
    let report = report("Herd in [K1].");
    let gone = Picture { caption: "K2: nicht auf diesem Rechner".into(), ..Picture::default() };
    let without = made(&report, 2).unwrap();
    let with = made_with(&report, 2, &[key_image(), key_image(), key_image(), gone]).unwrap();
    assert!(String::from_utf8_lossy(&with).contains("pdfaid:part>2"), "it says which PDF/A it is");
    assert_eq!(
        made_with(&report, 2, &[key_image()]).unwrap(),
        made_with(&report, 2, &[key_image()]).unwrap()
    );
    let (Some(before), Some(after)) = (drawn(&without), drawn(&with)) else {
        let why = "SKIPPED: Ghostscript is not here: nobody else has read the pages";
        let _unwritten =
            std::io::Write::write_all(&mut std::io::stderr().lock(), format!("{why}\n").as_bytes());
        return;
    };
    let pages = |drawn: &[u8]| drawn.windows(3).filter(|head| head == b"P5\n").count();
    assert_eq!((pages(&before), pages(&after)), (1, 2), "three pictures do not fit on the first page");
    let grey = |drawn: &[u8]| drawn.iter().filter(|value| (20..180).contains(*value)).count();
    assert!(grey(&after) > grey(&before) + 3 * 15_000, "{} and {}", grey(&before), grey(&after));
}

#[test]
fn a_long_and_thin_key_image_is_printed_with_its_measurements() {
    for size_px in [[1024, 16], [16, 1024], [4096, 1], [1, 1]] {
        let thin = Picture { pixels: Some(ramp(size_px)), ..key_image() };
        assert!(made_with(&report("x"), 2, &[thin]).is_ok(), "{size_px:?}");
    }
}

#[test]
fn pixels_that_are_not_as_many_as_they_say_make_no_pages() {
    let mut wrong = key_image();
    wrong.pixels = Some(Pixels { size_px: [300, 201], ..ramp([300, 200]) });
    assert!(matches!(made_with(&report("x"), 2, &[wrong]), Err(PaperError::Refused(_))));
}
