//! Display shutters (PS3.3 C.7.6.11), of an image or a presentation state.

use crate::attribute::{Tag, named, tags};
use crate::dataset::Dataset;
use medsight_image::{Shutter, VolumeWarning};

/// The shutters of a data set; `None` when it has none or their numbers are not usable.
pub fn shutter_of(data: &Dataset<'_>, warnings: &mut Vec<VolumeWarning>) -> Option<Shutter> {
    let shapes = data.texts(tags::SHUTTER_SHAPE);
    if shapes.is_empty() {
        return None;
    }
    let mut shutter = Shutter {
        value: data.integer(tags::SHUTTER_PRESENTATION_VALUE).ok().flatten().unwrap_or(0) as u16,
        ..Shutter::default()
    };
    let mut unusable = |tag: Tag| {
        let reason =
            format!("{} is unusable: its shutter is not applied, all of the image is shown", named(tag));
        warnings.push(VolumeWarning { code: "shutter_unusable".into(), reason, figures: Vec::new() });
    };
    // Numbers in the file count rows and columns from 1.
    // Far outside is outside, however far.
    let from_one = |n: f64| n.clamp(-1e9, 1e9) as i64 - 1;
    let is_sane = |n: &i64| n.abs() < 1 << 31;
    let whole = |tag| data.integer(tag).ok().flatten().filter(is_sane).map(|n| n - 1);
    for shape in &shapes {
        match shape.as_str() {
            "RECTANGULAR" => {
                let edges = [
                    whole(tags::SHUTTER_LEFT_VERTICAL_EDGE),
                    whole(tags::SHUTTER_UPPER_HORIZONTAL_EDGE),
                    whole(tags::SHUTTER_RIGHT_VERTICAL_EDGE),
                    whole(tags::SHUTTER_LOWER_HORIZONTAL_EDGE),
                ];
                match edges {
                    [Some(l), Some(t), Some(r), Some(b)] if l <= r && t <= b => {
                        shutter.rectangle_px = Some([l, t, r, b]);
                    }
                    _ => unusable(tags::SHUTTER_LEFT_VERTICAL_EDGE),
                }
            }
            "CIRCULAR" => {
                let center = data.vector::<2>(tags::CENTER_OF_CIRCULAR_SHUTTER).ok().flatten();
                let radius = data.integer(tags::RADIUS_OF_CIRCULAR_SHUTTER).ok().flatten();
                match (center, radius.filter(|r| *r > 0)) {
                    (Some([row, column]), Some(radius)) => {
                        shutter.circle_px = Some([from_one(column), from_one(row), radius.min(1 << 31)]);
                    }
                    _ => unusable(tags::CENTER_OF_CIRCULAR_SHUTTER),
                }
            }
            "POLYGONAL" => {
                let corners = data.numbers(tags::VERTICES_OF_THE_POLYGONAL_SHUTTER).ok().flatten();
                let corners = corners.filter(|c| c.len() >= 6 && c.len() % 2 == 0);
                match corners {
                    Some(c) => {
                        shutter.polygon_px = c.chunks(2).map(|p| [from_one(p[1]), from_one(p[0])]).collect();
                    }
                    None => unusable(tags::VERTICES_OF_THE_POLYGONAL_SHUTTER),
                }
            }
            _ => unusable(tags::SHUTTER_SHAPE),
        }
    }
    let has_any =
        shutter.rectangle_px.is_some() || shutter.circle_px.is_some() || !shutter.polygon_px.is_empty();
    has_any.then_some(shutter)
}
