//! Manual calibration: a line whose true length the reader knows gives its image a scale.
//!
//! The line is an annotation like any other: kept, undone and deleted the same way. While it is there, lengths and
//! areas on its image are measured by it and say so. Images that lie in the patient keep their own spacing.

use std::collections::BTreeMap;

use egui::{Pos2, Rect, pos2};
use glam::DVec2;
use medsight_base::InstanceUid;
use medsight_record::{Annotation, AnnotationId, AnnotationKind, Measured, Place, ScaleSource};

use crate::cell::Cell;
use crate::light_box::{LightBox, Popup};
use crate::measure::measure;
use crate::series::SliceFacts;
use crate::surface::{Space, Surface};

/// Longest true length that is believed, millimetres.
const LONGEST_MM: f64 = 10_000.0;

type Annotations = BTreeMap<AnnotationId, Annotation>;

/// Millimetres of a pixel along a row and along a column, by the line of known length drawn last on an image.
/// `aspect` is the height of a pixel over its width.
fn calibration_of(annotations: &Annotations, image: &InstanceUid, aspect: f64) -> Option<DVec2> {
    let lines = annotations.values().filter_map(|a| match (&a.kind, &a.place) {
        (AnnotationKind::Calibration { length_mm }, Place::Image { instance, points_px, .. })
            if instance == image =>
        {
            let [from, to] = points_px[..] else { return None };
            let length = ((DVec2::from(to) - DVec2::from(from)) * DVec2::new(1.0, aspect)).length();
            (length > 0.0).then(|| (a.changed_at.0, DVec2::new(1.0, aspect) * (length_mm / length)))
        }
        _ => None,
    });
    lines.max_by_key(|(changed_at, _)| *changed_at).map(|(_, mm_per_px)| mm_per_px)
}

/// Gives an image's surface the scale of its calibration, if it has one.
fn calibrated(mut surface: Surface, annotations: &Annotations) -> Surface {
    if let Space::Image { instance, place: None, scale, aspect, .. } = &mut surface.space
        && let Some(mm_per_px) = calibration_of(annotations, instance, *aspect)
    {
        *scale = Some((mm_per_px, ScaleSource::Manual));
    }
    surface
}

impl LightBox {
    /// The surface of an image with the reader's calibration.
    pub(crate) fn with_calibration(&self, surface: Surface) -> Surface {
        calibrated(surface, self.annotations.present())
    }

    /// Asks for the true length of the chosen line.
    pub(crate) fn ask_true_length(&mut self) {
        let chosen = self.selected.and_then(|id| self.annotations.present().get(&id));
        let line = chosen.filter(|a| {
            matches!(a.kind, AnnotationKind::Length | AnnotationKind::Calibration { .. })
                && matches!(a.place, Place::Image { .. })
        });
        let surface = self.surface(self.active);
        let shown = line.zip(surface.as_ref()).and_then(|(line, surface)| {
            let points = self.points_on(self.active, surface, &line.place)?;
            let in_patient = matches!(surface.space, Space::Image { place: Some(_), .. });
            Some((line.id, surface.screen(*points.get(1)?), in_patient))
        });
        match shown {
            None => self.notice = Some(self.words.text("lightbox.calibrate_first").to_owned()),
            Some((_, _, true)) => {
                self.notice = Some(self.words.text("lightbox.calibrate_not_here").to_owned())
            }
            Some((id, at, false)) => {
                self.popup = Popup::TrueLength { id, at: at + egui::vec2(8.0, 8.0), text: String::new() };
            }
        }
    }

    /// Keeps the true length that was typed: a number of millimetres, with a point or a comma.
    pub(crate) fn keep_true_length(&mut self) {
        let Popup::TrueLength { id, at, text } = std::mem::take(&mut self.popup) else { return };
        if text.trim().is_empty() {
            return;
        }
        let typed = text.trim().replace(',', ".").parse::<f64>();
        let Some(length_mm) = typed.ok().filter(|mm| *mm > 0.0 && *mm <= LONGEST_MM) else {
            self.notice = Some(self.words.text("lightbox.true_length_wrong").to_owned());
            self.popup = Popup::TrueLength { id, at, text };
            return;
        };
        self.notice = None;
        let Some(line) = self.annotations.present().get(&id).cloned() else { return };
        let measured = stated(length_mm);
        let kind = AnnotationKind::Calibration { length_mm };
        self.keep(Annotation { kind, measured, changed_at: self.now, ..line });
    }

    /// `next` with lengths and areas measured anew on every image whose calibration differs from before.
    pub(crate) fn measured_by_calibration(&self, mut next: Annotations) -> Annotations {
        let before = self.annotations.present();
        for (facts, id) in self.calibrated_images(before, &next) {
            let aspect = facts.pixel_aspect;
            if calibration_of(before, &id, aspect) == calibration_of(&next, &id, aspect) {
                continue;
            }
            let changed: Vec<Annotation> = next
                .values()
                .filter(|a| matches!(&a.place, Place::Image { instance, .. } if *instance == id))
                .filter(|a| !matches!(a.kind, AnnotationKind::Calibration { .. }))
                .filter_map(|a| Some(Annotation { changed_at: self.now, ..again(a, &facts, &next)? }))
                .collect();
            next.extend(changed.into_iter().map(|a| (a.id, a)));
        }
        next
    }

    /// Images outside of the patient that have a line of known length before or after.
    fn calibrated_images(&self, before: &Annotations, after: &Annotations) -> Vec<(SliceFacts, InstanceUid)> {
        let lines = before.values().chain(after.values());
        let images = lines.filter_map(|a| match (&a.kind, &a.place) {
            (AnnotationKind::Calibration { .. }, Place::Image { instance, .. }) => Some(instance.clone()),
            _ => None,
        });
        let images: std::collections::BTreeSet<InstanceUid> = images.collect();
        let facts_of = |image: InstanceUid| {
            let mut slices = self.series.iter().flat_map(|series| &series.slices);
            let slice = slices.find(|slice| slice.instance == image && slice.facts.is_some())?;
            let facts = slice.facts.as_ref().filter(|facts| facts.place.is_none())?;
            Some((facts.as_ref().clone(), image))
        };
        images.into_iter().filter_map(facts_of).collect()
    }
}

/// The numbers of a line of known length.
fn stated(length_mm: f64) -> Measured {
    Measured { length_mm: Some(length_mm), scale: Some(ScaleSource::Manual), ..Measured::default() }
}

/// An annotation with its lengths and areas by the calibration of its image; `None` when nothing changes. The values
/// inside do not depend on the scale and stay.
fn again(a: &Annotation, facts: &SliceFacts, annotations: &Annotations) -> Option<Annotation> {
    let Place::Image { series, instance, frame, points_px } = &a.place else { return None };
    let points: Vec<DVec2> = points_px.iter().map(|p| DVec2::from(*p)).collect();
    let rect = Rect::from_min_max(pos2(0.0, 0.0), Pos2::new(1.0, 1.0));
    let surface = Surface::of_image(&Cell::default(), rect, series, instance, *frame, facts);
    let new = measure(&a.kind, &points, &calibrated(surface, annotations), None, &a.measured.unit);
    let measured = Measured {
        length_mm: new.length_mm,
        length_px: new.length_px,
        area_mm2: new.area_mm2,
        area_px: new.area_px,
        scale: new.scale,
        ..a.measured.clone()
    };
    (measured != a.measured).then(|| Annotation { measured, ..a.clone() })
}
