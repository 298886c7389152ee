//! A series into stacks and volumes, by geometry: neither file names nor instance numbers decide.
//!
//! Frames go together when they are parallel and of one size. Where several frames share a position they are
//! told apart by echo and image type, and what then remains are time points.

use crate::image_info::ImageInfo;
use crate::layout::{VolumeLayout, layout};
use crate::object::is_video;
use glam::DVec3;
use medsight_image::VolumeWarning;
use std::collections::BTreeMap;

/// One frame of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRef {
    /// Index into the images that were sorted.
    pub image: usize,
    /// Frame, from 0.
    pub frame: usize,
}

/// What a stack is good for.
#[derive(Clone, Debug)]
pub enum StackKind {
    /// A regular grid: MPR and 3D are possible.
    Volume(Box<VolumeLayout>),
    /// Images to page through.
    Pages {
        /// Stable word: `single_image`, `no_geometry`, `colour`…
        code: &'static str,
        /// Why it is not a volume, in words.
        why_not: String,
    },
}

/// Frames that are read together, in reading order.
#[derive(Clone, Debug)]
pub struct Stack {
    /// In reading order; a volume's time points one after the other.
    pub frames: Vec<FrameRef>,
    /// Volume or pages.
    pub kind: StackKind,
}

/// A series, sorted.
#[derive(Clone, Debug, Default)]
pub struct SortedSeries {
    /// Largest first.
    pub stacks: Vec<Stack>,
}

impl SortedSeries {
    /// The volumes among the stacks, with their frames.
    pub fn volumes(&self) -> impl Iterator<Item = (&Stack, &VolumeLayout)> {
        self.stacks.iter().filter_map(|s| match &s.kind {
            StackKind::Volume(layout) => Some((s, layout.as_ref())),
            StackKind::Pages { .. } => None,
        })
    }
}

/// A frame on its way into a stack.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'i> {
    pub(crate) at: FrameRef,
    pub(crate) image: &'i ImageInfo,
    pub(crate) position_mm: DVec3,
    /// Position along the normal of the group.
    pub(crate) along_mm: f64,
}

impl Placed<'_> {
    pub(crate) fn info(&self) -> &crate::FrameInfo {
        &self.image.frames[self.at.frame]
    }
}

/// What has to be equal for frames to lie in one grid, and for their values to be comparable.
#[derive(Clone, Copy, PartialEq)]
struct Grid<'i> {
    rows: usize,
    columns: usize,
    axes: [DVec3; 2],
    spacing_mm: [f64; 2],
    /// Frame of Reference UID: positions of another one are of another space.
    frame_of_reference: &'i str,
    /// Unit of the modality values.
    unit: &'i str,
}

impl Grid<'_> {
    fn is_like(&self, other: &Self) -> bool {
        let parallel = |a: DVec3, b: DVec3| (a - b).length() < 1e-3;
        self.rows == other.rows
            && self.frame_of_reference == other.frame_of_reference
            && self.unit == other.unit
            && self.columns == other.columns
            && parallel(self.axes[0], other.axes[0])
            && parallel(self.axes[1], other.axes[1])
            && (0..2).all(|i| (self.spacing_mm[i] - other.spacing_mm[i]).abs() < 1e-3 * self.spacing_mm[i])
    }
}

/// Sorts the frames of one series. The result does not depend on the order of `images`.
pub fn sort_frames(images: &[ImageInfo]) -> SortedSeries {
    let mut groups: Vec<(Grid<'_>, Vec<Placed<'_>>)> = Vec::new();
    // A multi-frame instance, or the parts of a concatenation, is a loop of its own; single frames go together.
    let mut unplaced: BTreeMap<(&'static str, Option<usize>), Vec<FrameRef>> = BTreeMap::new();
    for (image_index, image) in images.iter().enumerate() {
        // Tiles of a slide are seen together: one of them stands for all.
        for frame in (0..image.frames.len()).filter(|frame| image.shown_frame(*frame) == *frame) {
            let at = FrameRef { image: image_index, frame };
            match place(image, at) {
                Err(code) => {
                    let own = (image.frames.len() > 1).then(|| first_part(images, image_index));
                    unplaced.entry((code, own)).or_default().push(at);
                }
                Ok((grid, mut placed)) => match groups.iter_mut().find(|(other, _)| other.is_like(&grid)) {
                    Some((grid, members)) => {
                        placed.along_mm = placed.position_mm.dot(grid.axes[0].cross(grid.axes[1]));
                        members.push(placed);
                    }
                    None => groups.push((grid, vec![placed])),
                },
            }
        }
    }
    let mixed = groups.len() > 1;
    let mut stacks: Vec<Stack> = Vec::new();
    for (grid, members) in groups {
        for part in split_where_positions_repeat(members) {
            stacks.push(to_stack(grid.axes, grid.spacing_mm, part, images, mixed));
        }
    }
    for ((code, _), mut frames) in unplaced {
        in_reading_order(&mut frames, images);
        stacks.push(Stack { frames, kind: StackKind::Pages { code, why_not: why_not(code).to_owned() } });
    }
    stacks.sort_by_key(|s| (std::cmp::Reverse(s.frames.len()), s.frames.first().map(|f| number(images, *f))));
    SortedSeries { stacks }
}

fn place(image: &ImageInfo, at: FrameRef) -> Result<(Grid<'_>, Placed<'_>), &'static str> {
    let info = &image.frames[at.frame];
    if is_video(&image.transfer_syntax) {
        return Err("video");
    }
    if !image.encoded.is_grey() {
        return Err("colour");
    }
    let (Some(position_mm), Some(axes)) = (info.position_mm, info.orientation) else {
        return Err("no_geometry");
    };
    let scale = info.scale.ok_or("no_spacing")?;
    let grid = Grid {
        rows: image.encoded.rows,
        columns: image.encoded.columns,
        axes,
        spacing_mm: [scale.column_mm, scale.row_mm],
        frame_of_reference: &image.frame_of_reference,
        unit: &info.unit,
    };
    let along_mm = position_mm.dot(axes[0].cross(axes[1]));
    Ok((grid, Placed { at, image, position_mm, along_mm }))
}

fn why_not(code: &str) -> &'static str {
    match code {
        "colour" => "The images are in colour (Photometric Interpretation (0028,0004)).",
        "video" => "It is a film (Transfer Syntax UID (0002,0010)): the desk plays it.",
        "no_spacing" => "Pixel Spacing (0028,0030) is missing, so distances are not known.",
        _ => {
            "Image Position (Patient) (0020,0032) or Image Orientation (Patient) (0020,0037) is missing, \
             so the images have no place in the patient."
        }
    }
}

/// The first image of the same concatenation; the image itself where it is no part of one.
fn first_part(images: &[ImageInfo], image: usize) -> usize {
    let Some(own) = &images[image].concatenation else { return image };
    let same = |other: &ImageInfo| other.concatenation.as_ref().is_some_and(|c| c.uid == own.uid);
    images.iter().position(same).unwrap_or(image)
}

/// Instance number, then UID, then frame: an order that is the same wherever the files lay. The parts of a concatenation
/// stand together in their own order; their instance numbers may be equal or not.
fn number(images: &[ImageInfo], at: FrameRef) -> (i64, &str, i64, &str, usize) {
    let image = &images[at.image];
    let number = |image: &ImageInfo| image.instance_number.unwrap_or(i64::MAX);
    let uid = image.instance_uid.as_str();
    match &image.concatenation {
        None => (number(image), uid, 0, uid, at.frame),
        Some(part) => {
            let parts = images.iter().filter(|i| i.concatenation.as_ref().is_some_and(|c| c.uid == part.uid));
            let lowest = parts.map(number).min().unwrap_or(i64::MAX);
            (lowest, part.uid.as_str(), part.number, uid, at.frame)
        }
    }
}

fn in_reading_order(frames: &mut [FrameRef], images: &[ImageInfo]) {
    frames.sort_by(|a, b| number(images, *a).cmp(&number(images, *b)));
}

/// Frames at one place that differ in echo time or image type are different stacks.
fn split_where_positions_repeat(members: Vec<Placed<'_>>) -> Vec<Vec<Placed<'_>>> {
    if !crate::layout::positions_repeat(&members) {
        return vec![members];
    }
    let mut parts: BTreeMap<(i64, String), Vec<Placed<'_>>> = BTreeMap::new();
    for member in members {
        let echo_us = member.info().echo_time_ms.map_or(-1, |ms| (ms * 1000.0).round() as i64);
        let kind = member.image.image_type.iter().skip(2).cloned().collect::<Vec<_>>().join("\\");
        parts.entry((echo_us, kind)).or_default().push(member);
    }
    parts.into_values().collect()
}

fn to_stack(
    axes: [DVec3; 2],
    spacing_mm: [f64; 2],
    mut members: Vec<Placed<'_>>,
    images: &[ImageInfo],
    mixed: bool,
) -> Stack {
    members.sort_by(|a, b| number(images, a.at).cmp(&number(images, b.at)));
    let pages = |members: &[Placed<'_>], code, why_not: &str| {
        let mut frames: Vec<FrameRef> = members.iter().map(|m| m.at).collect();
        in_reading_order(&mut frames, images);
        Stack { frames, kind: StackKind::Pages { code, why_not: why_not.to_owned() } }
    };
    if members.len() == 1 {
        let why = if mixed {
            "It is a single image: no other image of the series has its size and orientation."
        } else {
            "It is a single image."
        };
        return pages(&members, "single_image", why);
    }
    match layout(axes, spacing_mm, &members) {
        Ok((layout, frames)) => Stack { frames, kind: StackKind::Volume(Box::new(layout)) },
        Err((code, why)) => pages(&members, code, &why),
    }
}

/// A warning with its stable word.
pub(crate) fn warning(code: &str, reason: String, figures: &[f64]) -> VolumeWarning {
    VolumeWarning { code: code.to_owned(), reason, figures: figures.iter().map(f64::to_string).collect() }
}
