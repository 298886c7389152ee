//! Modality values under a surface: for the probe and for regions of interest.

use glam::DVec2;
use medsight_image::present::Modality;
use medsight_image::{Frame, PlaneDraw, Projection, VoiFunction, Volume, Window, plane};

use crate::series::SliceFacts;
use crate::surface::{Space, Surface};

/// Where values come from.
pub(crate) enum Source<'a> {
    /// A stored image.
    Image(&'a Frame, &'a SliceFacts),
    /// A volume, through a slab.
    Volume(&'a Volume, Projection),
}

/// What the probe says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A modality value.
    Grey(f64),
    /// Red, green, blue as stored (for YBR: as displayed).
    Color([u8; 3]),
}

fn stored(frame: &Frame, facts: &SliceFacts, column: usize, row: usize) -> Option<f64> {
    let value = frame.samples.value(row * frame.columns + column);
    let is_padding = facts.padding.is_some_and(|[low, high]| value >= low && value <= high);
    (!is_padding).then(|| match &facts.modality {
        Modality::Rescale { slope, intercept } => value * slope + intercept,
        lut @ Modality::Lut(_) => f64::from(lut.apply(value as f32)),
    })
}

/// The value at a local point; `None` outside the image and on padding.
pub(crate) fn value_at(source: &Source<'_>, surface: &Surface, local: DVec2) -> Option<Value> {
    match source {
        Source::Image(frame, facts) => {
            let at = (local + 0.5).floor();
            if at.x < 0.0 || at.y < 0.0 || at.x >= frame.columns as f64 || at.y >= frame.rows as f64 {
                return None;
            }
            let (column, row) = (at.x as usize, at.y as usize);
            let samples = frame.photometric.samples_per_pixel();
            if samples == 3 {
                let first = (row * frame.columns + column) * 3;
                let one = Frame {
                    rows: 1,
                    columns: 1,
                    photometric: frame.photometric,
                    samples: medsight_image::Samples::U16(
                        (first..first + 3).map(|i| (frame.samples.value(i) as u16) << 8).collect(),
                    ),
                };
                return medsight_image::present::rgb8(&one).map(|rgb| Value::Color(rgb[0]));
            }
            if let Some(palette) = &facts.palette {
                return Some(Value::Color(
                    palette.apply(frame.samples.value(row * frame.columns + column) as f32),
                ));
            }
            stored(frame, facts, column, row).map(Value::Grey)
        }
        Source::Volume(volume, projection) => {
            let Space::Plane { right, down, slab_mm, .. } = &surface.space else { return None };
            // A target of one pixel whose centre is the point.
            let center = surface.patient(local)?;
            let window = Window::new(0.0, 1.0, VoiFunction::LinearExact)?;
            let mut draw = PlaneDraw::through(center, *right, *down, 1e-6, [1, 1], window);
            draw.slab_mm = *slab_mm;
            draw.projection = *projection;
            plane::value_at(volume, &draw, 0.5, 0.5).map(|v| Value::Grey(f64::from(v)))
        }
    }
}

/// Modality values of all pixels whose centre `inside` says is in the region of interest between two
/// local corners. Planes are sampled at the distance of the smallest voxel edge. Colour has no values.
pub(crate) fn values_in(
    source: &Source<'_>,
    surface: &Surface,
    [a, b]: [DVec2; 2],
    inside: impl Fn(DVec2) -> bool,
) -> Vec<f64> {
    let (low, high) = (a.min(b), a.max(b));
    let step = match source {
        Source::Image(..) => 1.0,
        Source::Volume(volume, _) => volume.spacing_mm.min_element(),
    };
    let (first, last) = match source {
        Source::Image(frame, _) => {
            let end = DVec2::new(frame.columns as f64 - 1.0, frame.rows as f64 - 1.0);
            (low.ceil().max(DVec2::ZERO), high.floor().min(end))
        }
        Source::Volume(..) => ((low / step).ceil() * step, high),
    };
    let mut values = Vec::new();
    // A region of more pixels than any monitor has is a slip of the hand on a huge image, not a measurement.
    let columns = (((last.x - first.x) / step).floor() + 1.0).clamp(0.0, 8192.0) as usize;
    let rows = (((last.y - first.y) / step).floor() + 1.0).clamp(0.0, 8192.0) as usize;
    for row in 0..rows {
        for column in 0..columns {
            let local = first + DVec2::new(column as f64, row as f64) * step;
            if !inside(local) {
                continue;
            }
            if let Some(Value::Grey(value)) = value_at(source, surface, local) {
                values.push(value);
            }
        }
    }
    values
}
