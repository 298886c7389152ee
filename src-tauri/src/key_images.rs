//! Key images of a report for paper: each that the report speaks of, as it was looked at last, with the quoted measurements on it.
//!
//! What is burned into the pixels is on paper too: the pages name the patient anyway. A measurement that was changed since it
//! was quoted is not drawn, because the report says something else. Not here: the pages (`medsight-paper`), the pixels (the
//! imaging program makes them).

use crate::desk::Desk;
use crate::problem::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use medsight_base::StudyUid;
use medsight_cache::Cache;
use medsight_link::BarePicture;
use medsight_paper::{Mark, Picture, Pixels, Shape};
use medsight_record::report::{Content, Quote};
use medsight_record::words::Words;
use medsight_record::{Annotation, AnnotationKind, CellState, ImageRef, Manifest, Place};
use std::sync::Arc;

/// Longer edge of a picture, pixels: 300 dots an inch on the page and no more.
const EDGE_PX: u32 = 1500;
/// More pictures than this are no key images.
const MOST: usize = 24;

/// The key images of a report's text, in its order.
pub(crate) fn pictures(
    desk: &Arc<Desk>,
    study: &StudyUid,
    content: &Content,
) -> Result<Vec<Picture>, Problem> {
    let is_spoken_of = |quote: &&Quote| {
        let name = format!("[{}]", quote.label);
        quote.label.starts_with('K') && content.sections.iter().any(|section| section.text.contains(&name))
    };
    let quoted: Vec<&Quote> = content.quotes.iter().filter(is_spoken_of).take(MOST).collect();
    if quoted.is_empty() {
        return Ok(Vec::new());
    }
    let (cache, words) = (desk.cache()?, desk.words());
    // Without its images a report is printed all the same.
    let manifest = cache.manifest(study).ok();
    let cells = cache.session(study)?.map(|session| session.cells).unwrap_or_default();
    let mut pictures = Vec::new();
    for quote in quoted {
        let named = |what: &str| Picture {
            caption: format!("{}: {} – {what}", quote.label, quote.words),
            ..Picture::default()
        };
        let Some((image, blob)) = quote
            .image
            .as_ref()
            .zip(manifest.as_ref())
            .and_then(|(image, manifest)| Some((image, blob_of(manifest, image)?)))
        else {
            pictures.push(named(words.text("report.paper.elsewhere")));
            continue;
        };
        let look = cells.iter().find(|cell| cell.series.as_ref() == Some(&quote.series));
        let made = desk.thumbnailer().large(desk, &quote.series, (&blob, image.frame), EDGE_PX, look);
        pictures.push(match made.ok().and_then(|made| Some((pixels(&made)?, made))) {
            Some((pixels, made)) => {
                let marks = marks(&cache, study, content, image, made.frame_px)?;
                Picture {
                    caption: caption(quote, &made, look, &marks, content, &words),
                    pixels: Some(pixels),
                    marks,
                }
            }
            None => named(words.text("report.paper.not_drawn")),
        });
    }
    Ok(pictures)
}

fn blob_of(manifest: &Manifest, image: &ImageRef) -> Option<String> {
    manifest
        .instances
        .iter()
        .find(|one| one.uid == image.instance && image.frame < one.frames)
        .map(|one| one.blob.clone())
}

fn pixels(made: &BarePicture) -> Option<Pixels> {
    let rgb = BASE64.decode(&made.rgb_base64).ok()?;
    Some(Pixels { size_px: made.size_px, rgb: Arc::new(rgb) })
}

/// `K1: Key image, series 3 · C 40 W 80 · M1 23.4 mm`.
fn caption(
    quote: &Quote,
    made: &BarePicture,
    look: Option<&CellState>,
    marks: &[Mark],
    content: &Content,
    words: &Words,
) -> String {
    let mut parts = vec![format!("{}: {}", quote.label, quote.words)];
    if let Some([center, width]) = made.window {
        let (center, width) = (format!("{center:.0}"), format!("{width:.0}"));
        parts.push(words.fill("report.paper.window", &[("center", &center), ("width", &width)]));
    }
    if look.is_some_and(|look| look.invert) {
        parts.push(words.text("report.paper.inverted").to_owned());
    }
    let said = |mark: &Mark| content.quotes.iter().find(|quote| quote.label == mark.label);
    parts.extend(marks.iter().filter_map(|mark| Some(format!("{} {}", mark.label, said(mark)?.words))));
    parts.join(" · ")
}

/// What is quoted on this image and still is what was quoted.
fn marks(
    cache: &Cache,
    study: &StudyUid,
    content: &Content,
    image: &ImageRef,
    frame_px: [u32; 2],
) -> Result<Vec<Mark>, Problem> {
    let (drawn, revisions) = (cache.annotations(study)?, cache.annotation_revisions(study)?);
    let mark = |quote: &Quote| {
        let annotation = drawn.iter().find(|annotation| annotation.id == quote.annotation)?;
        let is_same = revisions.get(&annotation.id) == Some(&quote.revision);
        Some(Mark {
            shape: shape(&annotation.kind)?,
            points: points(annotation, image, frame_px).filter(|_| is_same)?,
            label: quote.label.clone(),
        })
    };
    Ok(content.quotes.iter().filter_map(mark).collect())
}

/// Points on this image as shares of its width and height; (0, 0) of the record is the centre of the first pixel.
fn points(annotation: &Annotation, image: &ImageRef, frame_px: [u32; 2]) -> Option<Vec<[f64; 2]>> {
    let [columns, rows] = frame_px.map(|px| f64::from(px.max(1)));
    match &annotation.place {
        Place::Image { instance, frame, points_px, .. }
            if (instance, *frame) == (&image.instance, image.frame) =>
        {
            Some(points_px.iter().map(|[x, y]| [(x + 0.5) / columns, (y + 0.5) / rows]).collect())
        }
        _ => None,
    }
}

fn shape(kind: &AnnotationKind) -> Option<Shape> {
    match kind {
        AnnotationKind::Length | AnnotationKind::Angle | AnnotationKind::Calibration { .. } => {
            Some(Shape::Open)
        }
        AnnotationKind::Ellipse => Some(Shape::Ellipse),
        AnnotationKind::Rectangle => Some(Shape::Box),
        AnnotationKind::Outline => Some(Shape::Closed),
        AnnotationKind::Arrow => Some(Shape::Arrow),
        // A text has no line, and the whole image is marked by standing here.
        AnnotationKind::Text { .. } | AnnotationKind::KeyImage => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use medsight_base::{InstanceUid, SeriesUid, Timestamp};
    use medsight_record::{AnnotationId, Measured};
    use uuid::Uuid;

    #[test]
    fn a_line_from_corner_to_corner_goes_from_the_first_pixel_to_the_last_and_on_another_image_there_is_none()
    {
        let instance = InstanceUid::parse("1.2.3").unwrap();
        let annotation = Annotation {
            id: AnnotationId(Uuid::from_u128(1)),
            study: StudyUid::parse("1.2").unwrap(),
            kind: AnnotationKind::Length,
            place: Place::Image {
                series: SeriesUid::parse("1.2.9").unwrap(),
                instance: instance.clone(),
                frame: 1,
                points_px: vec![[0.0, 0.0], [3.0, 1.0]],
            },
            measured: Measured::default(),
            changed_at: Timestamp(1),
        };
        let on = |frame| points(&annotation, &ImageRef { instance: instance.clone(), frame }, [4, 2]);
        assert_eq!(on(1).unwrap(), [[0.125, 0.25], [0.875, 0.75]]);
        assert_eq!(on(0), None);
    }
}
