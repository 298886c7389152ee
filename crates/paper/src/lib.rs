//! A signed report as pages: PDF/A-2u, A4, with its fonts inside, so that it reads the same in thirty years.
//!
//! Bytes in memory, no files. Not here: what a report says (`medsight-record`), and PDF as a DICOM object
//! (`medsight-dicom`).

mod layout;
mod picture;

use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::metadata::{DateTime, Metadata};
use krilla::text::Font;
use krilla::{Document, SerializeSettings};
use layout::{Line, Look, Measure, pages};
use medsight_base::{CivilTime, Timestamp};
use medsight_record::report::{CriticalResult, Report, ReportVersion};
use medsight_record::words::Words;
pub use picture::{Mark, Picture, Pixels, Shape};

/// DejaVu Sans: Latin, Greek, Cyrillic, Hebrew, Arabic, and the signs of medicine.
const FONT: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans.ttf");

/// Why there are no pages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// A sign that the font does not have: it would be a box on paper.
    #[error("the report has a sign that the program's font can't print: {0}")]
    NoGlyph(
        /// The sign.
        char,
    ),
    /// The report has no such version.
    #[error("the report has no version {0}")]
    NoVersion(
        /// The number that was asked for.
        u32,
    ),
    /// The library refused; a programming error here.
    #[error("the pages could not be made: {0}")]
    Refused(String),
}

/// What stands on every page, and how moments are written.
pub struct Around<'a> {
    /// Whose report it is: `NAME^GIVEN · 1957-03-14 (69 F) · ID 004711`.
    pub identity: &'a str,
    /// The study: date, modality, description.
    pub about: &'a str,
    /// Minutes by which the place's clock is ahead of UTC.
    pub utc_offset_min: i32,
    /// Words of the interface's language, for what is not in the report itself.
    pub words: &'a Words,
    /// Key images that the report speaks of, in its order.
    pub pictures: &'a [Picture],
}

/// One version of a report, with all that was added up to it, as PDF.
///
/// # Errors
/// [`PaperError`].
pub fn pdf(report: &Report, number: u32, around: &Around<'_>) -> Result<Vec<u8>, PaperError> {
    let at = report.versions.iter().position(|version| version.number == number);
    let (upto, version) =
        at.map(|at| (&report.versions[..=at], &report.versions[at])).ok_or(PaperError::NoVersion(number))?;
    let lines = lines(upto, version, &report.critical, around);
    let measure =
        Measure::new(FONT).ok_or_else(|| PaperError::Refused("its font can't be read".to_owned()))?;
    let head = [around.identity, around.about];
    let foot = around.words.text("report.paper.page");
    let labels =
        around.pictures.iter().flat_map(|picture| picture.marks.iter().map(|mark| mark.label.as_str()));
    if let Some(missing) = lines
        .iter()
        .map(|line| line.text.as_str())
        .chain(head)
        .chain([foot])
        .chain(labels)
        .find_map(|t| measure.missing(t))
    {
        return Err(PaperError::NoGlyph(missing));
    }
    let refused = |error: &dyn std::fmt::Debug| PaperError::Refused(format!("{error:?}"));
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_U)
        .finish()
        .map_err(|e| refused(&e))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let signed_at = version.signatures.last().map_or(0, |signature| signature.at.0);
    document.set_metadata(
        Metadata::new()
            .title(version.content.title.clone())
            .language(version.content.language.clone())
            .creator("MedSight".to_owned())
            .creation_date(date_time(signed_at))
            // The same version gives the same file, wherever it is made.
            .document_id(format!("{}/{}", report.id.0, version.number)),
    );
    let font = Font::new(FONT.to_vec().into(), 0)
        .ok_or_else(|| PaperError::Refused("its font can't be read".to_owned()))?;
    layout::draw(&mut document, &font, &pages(lines, &measure), head, foot, &measure)?;
    document.finish().map_err(|error| refused(&error))
}

fn lines<'p>(
    upto: &[ReportVersion],
    version: &ReportVersion,
    critical: &[CriticalResult],
    around: &Around<'p>,
) -> Vec<Line<'p>> {
    let words = around.words;
    let line = |look, text: &str| Line { look, text: text.to_owned(), picture: None };
    let moment = |ms| local(ms, around.utc_offset_min);
    let status = words.text(&format!("report.status.{}", version.status.word())).to_owned();
    let mut lines = vec![line(Look::Title, &version.content.title), line(Look::Small, &status)];
    if let Some(compared) = &version.content.compared {
        lines.push(line(Look::Small, &format!("{}: {}", words.text("report.compared"), compared.words)));
    }
    for section in version.content.sections.iter().filter(|section| !section.is_empty()) {
        lines.push(line(Look::Heading, &section.heading));
        for field in section.fields.iter().filter(|field| !field.value.trim().is_empty()) {
            lines.push(line(Look::Text, &format!("{}: {}", field.label, field.value.trim())));
        }
        let spoken = version.content.spoken(&section.text);
        lines.extend(spoken.lines().map(|text| line(Look::Text, text)));
    }
    for added in upto.iter().filter_map(|version| Some((version, version.addendum.as_ref()?))) {
        lines.push(line(Look::Heading, words.text("report.addendum")));
        lines.extend(added.1.lines().map(|text| line(Look::Text, text)));
        lines.extend(
            added.0.signatures.last().map(|s| line(Look::Small, &format!("{}, {}", s.name, moment(s.at.0)))),
        );
    }
    if let Some(reason) = &version.reason {
        lines.push(line(Look::Heading, words.text("report.reason")));
        lines.extend(reason.lines().map(|text| line(Look::Text, text)));
    }
    if !critical.is_empty() {
        lines.push(line(Look::Heading, words.text("report.critical")));
        for one in critical {
            let way = words.text(&format!("report.way.{}", one.by_way_of)).to_owned();
            let when = moment(one.told_at.0);
            let told = words.fill("report.told", &[("who", &one.told), ("how", &way), ("when", &when)]);
            let back = words.text(if one.is_read_back {
                "report.read_back_done"
            } else {
                "report.read_back_missing"
            });
            lines.push(line(Look::Text, &format!("{}: {told}, {back}", one.result)));
        }
    }
    if !around.pictures.is_empty() {
        lines.push(line(Look::Heading, words.text("report.paper.key_images")));
        let shown = |picture: &'p Picture| Line {
            look: Look::Small,
            text: picture.caption.clone(),
            picture: Some(picture),
        };
        lines.extend(around.pictures.iter().map(shown));
    }
    lines.push(line(Look::Heading, words.text("report.paper.signed")));
    lines.extend(
        version.signatures.iter().map(|s| line(Look::Text, &format!("{}, {}", s.name, moment(s.at.0)))),
    );
    lines
}

/// `2026-11-22 09:14` on the clock of the place.
fn local(ms: i64, utc_offset_min: i32) -> String {
    let CivilTime { year, month, day, hour, minute, .. } = Timestamp(ms).civil(utc_offset_min);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

fn date_time(ms: i64) -> DateTime {
    let CivilTime { year, month, day, hour, minute, second, .. } = Timestamp(ms).civil(0);
    // Every part fits by what it is; the year of a clock that is wrong is cut to one that PDF can write.
    let small = |value: i64| u8::try_from(value).unwrap_or_default();
    let year = u16::try_from(year.clamp(0, 9999)).unwrap_or_default();
    DateTime::new(year)
        .month(small(month))
        .day(small(day))
        .hour(small(hour))
        .minute(small(minute))
        .second(small(second))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

#[cfg(test)]
mod tests;
