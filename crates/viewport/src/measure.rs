//! The numbers of an annotation, and the words for them.
//!
//! Millimetres only where the file gives a scale, and then saying which.

use glam::DVec2;
use medsight_record::words::Words;
use medsight_record::{AnnotationKind, Measured, NoScale, ScaleSource, Statistics};

use crate::sample::{Source, values_in};
use crate::surface::Surface;

/// Measures what was drawn. `unit` is of the modality values.
pub(crate) fn measure(
    kind: &AnnotationKind,
    points: &[DVec2],
    surface: &Surface,
    source: Option<&Source<'_>>,
    unit: &str,
) -> Measured {
    let mut m = Measured::default();
    let scale = surface.scale(points);
    if has_scale(kind) {
        m.no_scale = scale.err().flatten();
    }
    let scale = scale.ok();
    match (kind, points) {
        (AnnotationKind::Length, [a, b]) => match scale {
            Some((mm, source)) => {
                m.length_mm = Some(((*b - *a) * mm).length());
                m.scale = Some(source);
            }
            None => m.length_px = Some((*b - *a).length()),
        },
        (AnnotationKind::Calibration { length_mm }, _) => {
            m.length_mm = Some(*length_mm);
            m.scale = Some(ScaleSource::Manual);
        }
        (AnnotationKind::Angle, [a, vertex, b]) => {
            // Angles need the shape of the pixels, not their size.
            let shape = scale.map_or_else(|| surface.unit_shape(), |(mm, _)| mm);
            let (u, v) = ((*a - *vertex) * shape, (*b - *vertex) * shape);
            if u.length() > 0.0 && v.length() > 0.0 {
                m.angle_deg =
                    Some((u.dot(v) / (u.length() * v.length())).clamp(-1.0, 1.0).acos().to_degrees());
            }
        }
        (AnnotationKind::Ellipse | AnnotationKind::Rectangle | AnnotationKind::Outline, points)
            if points.len() >= 2 =>
        {
            let size = area_of(kind, points);
            match scale {
                Some((mm, source)) => {
                    m.area_mm2 = Some(size * mm.x * mm.y);
                    m.scale = Some(source);
                }
                None => m.area_px = Some(size),
            }
            if let Some(source) = source {
                let found = statistics(&values_inside(kind, points, surface, source));
                m.mean = found.map(|s| s.mean);
                m.sd = found.and_then(|s| s.sd);
                m.min = found.map(|s| s.min);
                m.max = found.map(|s| s.max);
                m.unit = unit.to_owned();
            }
        }
        _ => {}
    }
    m
}

/// Modality values inside of a region; none of what is no region.
pub(crate) fn values_inside(
    kind: &AnnotationKind,
    points: &[DVec2],
    surface: &Surface,
    source: &Source<'_>,
) -> Vec<f64> {
    let low = points.iter().copied().reduce(DVec2::min);
    let high = points.iter().copied().reduce(DVec2::max);
    let (Some(low), Some(high), true) = (low, high, kind.is_closed()) else { return Vec::new() };
    let corners: Vec<[f64; 2]> = points.iter().map(|p| p.to_array()).collect();
    values_in(source, surface, [low, high], |p| kind.holds(&corners, p.to_array()))
}

/// Area of a region in units of its points: of an outline by the shoelace formula.
fn area_of(kind: &AnnotationKind, points: &[DVec2]) -> f64 {
    if let (AnnotationKind::Ellipse | AnnotationKind::Rectangle, [a, b]) = (kind, points) {
        let size = (*b - *a).abs();
        let share = if *kind == AnnotationKind::Ellipse { std::f64::consts::FRAC_PI_4 } else { 1.0 };
        return size.x * size.y * share;
    }
    let twice = |i: usize| points[i].perp_dot(points[(i + 1) % points.len()]);
    (0..points.len()).map(twice).sum::<f64>().abs() / 2.0
}

/// Mean, standard deviation of the sample (n − 1), smallest and largest; nothing of nothing.
pub(crate) fn statistics(values: &[f64]) -> Option<Statistics> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = |v: &f64| (v - mean).powi(2);
    Some(Statistics {
        mean,
        sd: (values.len() > 1).then(|| (values.iter().map(square).sum::<f64>() / (n - 1.0)).sqrt()),
        min: values.iter().copied().reduce(f64::min)?,
        max: values.iter().copied().reduce(f64::max)?,
    })
}

/// Word key of a scale's source, or of why there is none.
pub fn scale_key(m: &Measured) -> &'static str {
    match m.scale {
        Some(ScaleSource::PixelSpacing) => "scale.pixel_spacing",
        Some(ScaleSource::Calibrated) => "scale.calibrated",
        Some(ScaleSource::Detector) => "scale.detector",
        Some(ScaleSource::DetectorCorrected) => "scale.detector_corrected",
        Some(ScaleSource::Manual) => "scale.manual",
        Some(ScaleSource::Volume) => "scale.volume",
        Some(ScaleSource::UltrasoundRegion) => "scale.ultrasound_region",
        Some(ScaleSource::Nominal) => "scale.nominal",
        None => match m.no_scale {
            Some(NoScale::CrossesRegions) => "scale.crosses_regions",
            Some(NoScale::RegionWithoutLengths) => "scale.region_without_lengths",
            None => "scale.none",
        },
    }
}

/// The lines beside an annotation, the first is the one for the list: `23.4 mm`.
pub fn lines(kind: &AnnotationKind, m: &Measured, words: &Words) -> Vec<String> {
    let number = |value: f64, decimals| words.number(value, decimals);
    let with_unit = |value: f64| {
        let decimals = usize::from(value.abs() < 100.0);
        let number = number(value, decimals);
        if m.unit.is_empty() { number } else { format!("{number} {}", m.unit) }
    };
    let mut out = Vec::new();
    match kind {
        AnnotationKind::Length => out.extend(
            m.length_mm
                .map(|mm| format!("{} mm", number(mm, 1)))
                .or(m.length_px.map(|px| format!("{} px", number(px, 0)))),
        ),
        AnnotationKind::Angle => out.extend(m.angle_deg.map(|deg| format!("{}°", number(deg, 1)))),
        AnnotationKind::Ellipse | AnnotationKind::Rectangle | AnnotationKind::Outline => {
            if let Some(mean) = m.mean {
                let sd = m.sd.map_or(String::new(), |sd| format!(" ± {}", number(sd, 1)));
                let unit = if m.unit.is_empty() { String::new() } else { format!(" {}", m.unit) };
                out.push(format!("{}{sd}{unit}", number(mean, 1)));
            }
            if let (Some(min), Some(max)) = (m.min, m.max) {
                out.push(format!(
                    "{} {} · {} {}",
                    words.text("lightbox.min"),
                    with_unit(min),
                    words.text("lightbox.max"),
                    with_unit(max)
                ));
            }
            out.extend(m.suv_bw.map(|[mean, max]| {
                let max_word = words.text("lightbox.max");
                format!("SUVbw {} · {max_word} {} g/ml", number(mean, 2), number(max, 2))
            }));
            out.extend(crate::quantities::lines(m, words));
            out.extend(
                m.area_mm2
                    .map(|mm2| area(mm2, words))
                    .or(m.area_px.map(|px| format!("{} px²", number(px, 0)))),
            );
        }
        AnnotationKind::Text { text } => out.push(text.clone()),
        AnnotationKind::Calibration { length_mm } => {
            out.push(format!("{} = {} mm", words.text("tool.calibration"), number(*length_mm, 1)));
        }
        AnnotationKind::Arrow | AnnotationKind::KeyImage => {}
    }
    out
}

fn area(mm2: f64, words: &Words) -> String {
    if mm2 >= 1000.0 {
        format!("{} cm²", words.number(mm2 / 100.0, 1))
    } else {
        format!("{} mm²", words.number(mm2, 1))
    }
}

/// True when the kind has a length or an area, for which the scale must be said.
pub fn has_scale(kind: &AnnotationKind) -> bool {
    *kind == AnnotationKind::Length || kind.is_closed()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::series::{ImageScale, SliceFacts, UltrasoundScale};
    use egui::{Rect, pos2};
    use glam::{DMat4, DVec3};
    use medsight_base::{InstanceUid, SeriesUid};
    use medsight_image::present::Modality;
    use medsight_image::{Frame, Photometric, Samples, Volume, Voxels};
    use medsight_record::words::Locale;

    /// 10×10×10 voxels of 1 mm, value = column index.
    pub(crate) fn cube() -> Volume {
        Volume {
            dims: [10, 10, 10, 1],
            spacing_mm: DVec3::ONE,
            origin_mm: DVec3::ZERO,
            axes: [DVec3::X, DVec3::Y, DVec3::Z],
            patient_from_voxel: DMat4::IDENTITY,
            voxels: Voxels::I16((0..1000).map(|i| i % 10).collect()).into(),
            time: 0,
            min_max: [0.0, 9.0],
            unit: "HU".into(),
            slice_offsets_mm: (0..10).map(f64::from).collect(),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn facts(scale: Option<ImageScale>) -> SliceFacts {
        SliceFacts {
            size_px: [100, 100],
            place: None,
            scale,
            regions: Vec::new(),
            pixel_aspect: 1.0,
            modality: Modality::Rescale { slope: 2.0, intercept: -10.0 },
            file_modality: Modality::Rescale { slope: 2.0, intercept: -10.0 },
            unit: "HU".into(),
            real_world: None,
            windows: Vec::new(),
            voi_lut: None,
            palette: None,
            padding: None,
            suv_bw: None,
            uptakes: Vec::new(),
            overlays: Vec::new(),
            shutter: None,
            is_color: false,
            acquisition: Vec::new(),
            warnings: Vec::new(),
            frames_per_second: None,
        }
    }

    pub(crate) fn surface(facts: &SliceFacts) -> Surface {
        let rect = Rect::from_min_max(pos2(0.0, 0.0), pos2(100.0, 100.0));
        let (series, instance) = (SeriesUid::parse("1.2").unwrap(), InstanceUid::parse("1.2.3").unwrap());
        Surface::of_image(&Cell::default(), rect, &series, &instance, 0, facts)
    }

    #[test]
    fn a_length_is_in_millimetres_only_where_the_file_gives_a_scale_and_says_which() {
        let points = [DVec2::ZERO, DVec2::new(30.0, 40.0)];
        let with =
            facts(Some(ImageScale { mm_per_px: DVec2::splat(0.5), source: ScaleSource::PixelSpacing }));
        let m = measure(&AnnotationKind::Length, &points, &surface(&with), None, "");
        assert_eq!((m.length_mm, m.length_px, m.scale), (Some(25.0), None, Some(ScaleSource::PixelSpacing)));
        let m = measure(&AnnotationKind::Length, &points, &surface(&facts(None)), None, "");
        assert_eq!((m.length_mm, m.length_px, m.scale), (None, Some(50.0), None));
        let words = Words::new(Locale::En);
        assert_eq!(lines(&AnnotationKind::Length, &m, &words), ["50 px"]);
        assert_eq!(scale_key(&m), "scale.none");
    }

    #[test]
    fn a_length_across_pixels_that_are_not_square_is_true() {
        let scale = ImageScale { mm_per_px: DVec2::new(0.5, 2.0), source: ScaleSource::PixelSpacing };
        let points = [DVec2::ZERO, DVec2::new(6.0, 2.0)];
        let m = measure(&AnnotationKind::Length, &points, &surface(&facts(Some(scale))), None, "");
        assert_eq!(m.length_mm, Some(5.0));
        let square = [DVec2::new(4.0, 0.0), DVec2::ZERO, DVec2::new(4.0, 1.0)];
        let m = measure(&AnnotationKind::Angle, &square, &surface(&facts(Some(scale))), None, "");
        assert!((m.angle_deg.unwrap() - 45.0).abs() < 1e-9);
    }

    #[test]
    fn a_length_that_leaves_its_ultrasound_region_has_no_scale() {
        // Pixel Spacing beside the regions does not count in them.
        let whole = ImageScale { mm_per_px: DVec2::splat(7.0), source: ScaleSource::PixelSpacing };
        let mut facts = facts(Some(whole));
        facts.regions.push(UltrasoundScale {
            min_px: DVec2::ZERO,
            max_px: DVec2::splat(20.0),
            mm_per_px: Some(DVec2::splat(0.1)),
        });
        let surface = surface(&facts);
        let inside =
            measure(&AnnotationKind::Length, &[DVec2::ZERO, DVec2::new(10.0, 0.0)], &surface, None, "");
        assert_eq!((inside.length_mm, inside.scale), (Some(1.0), Some(ScaleSource::UltrasoundRegion)));
        let across =
            measure(&AnnotationKind::Length, &[DVec2::ZERO, DVec2::new(30.0, 0.0)], &surface, None, "");
        assert_eq!((across.length_mm, across.length_px), (None, Some(30.0)));
        assert_eq!(scale_key(&across), "scale.crosses_regions");
    }

    #[test]
    fn a_length_in_a_spectrum_has_no_millimetres_even_when_the_image_has_a_scale() {
        let whole = ImageScale { mm_per_px: DVec2::splat(7.0), source: ScaleSource::PixelSpacing };
        let mut facts = facts(Some(whole));
        facts.regions.push(UltrasoundScale {
            min_px: DVec2::ZERO,
            max_px: DVec2::splat(20.0),
            mm_per_px: None,
        });
        let surface = surface(&facts);
        let inside =
            measure(&AnnotationKind::Length, &[DVec2::ZERO, DVec2::new(10.0, 0.0)], &surface, None, "");
        assert_eq!((inside.length_mm, inside.length_px), (None, Some(10.0)));
        assert_eq!(scale_key(&inside), "scale.region_without_lengths");
    }

    #[test]
    fn a_region_counts_pixels_whose_centre_is_inside_as_modality_values() {
        let facts = facts(None);
        let frame = Frame {
            rows: 100,
            columns: 100,
            photometric: Photometric::Monochrome2,
            samples: Samples::U16((0..10_000).map(|i| (i % 100) as u16).collect()),
        };
        let source = Source::Image(&frame, &facts);
        let corners = [DVec2::new(9.5, 9.5), DVec2::new(12.5, 11.5)];
        let m = measure(&AnnotationKind::Rectangle, &corners, &surface(&facts), Some(&source), "HU");
        // Columns 10, 11, 12 are 10, 12, 14 HU.
        assert_eq!((m.mean, m.min, m.max, m.area_px), (Some(12.0), Some(10.0), Some(14.0), Some(6.0)));
        assert!((m.sd.unwrap() - 3.2f64.sqrt()).abs() < 1e-9);
        let m = measure(&AnnotationKind::Ellipse, &corners, &surface(&facts), Some(&source), "HU");
        assert_eq!(m.mean, Some(12.0));
        assert!((m.area_px.unwrap() - 6.0 * std::f64::consts::FRAC_PI_4).abs() < 1e-9);
    }
}
