//! A series of the store as a volume for a model that runs by itself: read off the screen, evenly sliced, with the image of each slice.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use glam::DVec3;
use medsight_base::{InstanceUid, SeriesUid};
use medsight_codec::{ByteSource, LoadOptions, Seconds, build_volume, scan_headers};
use medsight_dicom::derived::slice_places;
use medsight_dicom::{Stack, StackKind, VolumeLayout, sort_frames};
use medsight_image::{Volume, regular};
use medsight_record::{ImageRef, Manifest, Refusal, SlicePlaces};

use crate::proposals::nearest_images;
use crate::source::Part;

/// A series that was read.
pub(super) struct Series {
    pub(super) volume: Arc<Volume>,
    pub(super) modality: String,
    /// A file of it.
    pub(super) first_file: usize,
    frame_of_reference: String,
    images: Vec<(ImageRef, DVec3)>,
}

impl Series {
    /// Reads the largest volume of a series.
    ///
    /// # Errors
    /// Why the series is none.
    pub(super) fn read(
        source: &dyn ByteSource,
        manifest: &Manifest,
        uid: &SeriesUid,
    ) -> Result<Self, Refusal> {
        let of_series = manifest.instances.iter().enumerate().filter(|(_, image)| image.series == *uid);
        let files: Vec<usize> = of_series.map(|(file, _)| file).collect();
        let part = Part { whole: source, files: &files };
        let cancel = AtomicBool::new(false);
        let scan = scan_headers(&part, 0, &|_| (), &cancel)?;
        let mut why_not = Refusal::new("empty", "The series has no images.");
        let mut best = None;
        for series in &scan.series {
            for stack in sort_frames(&series.images).stacks {
                match &stack.kind {
                    StackKind::Pages { code, why_not: reason } => {
                        why_not = Refusal::new(*code, reason.clone())
                    }
                    StackKind::Volume(layout) => {
                        let layout: VolumeLayout = (**layout).clone();
                        let voxels = layout.dims.iter().product::<usize>();
                        if best.as_ref().is_none_or(|(_, _, _, most)| voxels > *most) {
                            best = Some((series, stack.clone(), layout, voxels));
                        }
                    }
                }
            }
        }
        let (series, stack, layout, _): (_, Stack, _, _) = best.ok_or(why_not)?;
        let mut seconds = Seconds::default();
        let options = LoadOptions::default();
        let volume = build_volume(&part, series, &stack, &layout, options, &|_| (), &cancel, &mut seconds)?;
        let image = |place: &medsight_dicom::FrameRef| {
            let image = &series.images[place.image];
            let instance = InstanceUid::parse(&image.instance_uid).ok()?;
            let position = image.frames.get(place.frame)?.position_mm?;
            Some((ImageRef { instance, frame: u32::try_from(place.frame).ok()? }, position))
        };
        let first = stack.frames.first().map_or(0, |place| place.image);
        Ok(Self {
            images: stack.frames.iter().take(volume.dims[2]).filter_map(image).collect(),
            volume: Arc::new(regular(volume)),
            modality: series.images[first].modality.clone(),
            first_file: files[series.files[first]],
            frame_of_reference: series.images[first].frame_of_reference.clone(),
        })
    }

    /// The image of each slice, and where it lies.
    pub(super) fn places(&self) -> (Vec<ImageRef>, SlicePlaces) {
        let places = slice_places(&self.volume, &self.frame_of_reference);
        (nearest_images(&places, &self.images), places)
    }
}
