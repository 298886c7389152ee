//! The volumes of a folder, and what their series say of themselves.

use crate::files::{self, path_text};
use crate::output::Output;
use medsight_codec::{FolderSource, LoadOptions, Scan, Seconds, SeriesScan, build_volume, scan_headers};
use medsight_dicom::derived::{Evidence, Origin};
use medsight_dicom::{Object, Stack, StackKind, VolumeLayout, sort_frames, tags};
use medsight_image::Volume;
use medsight_infer::{ChannelVolume, SeriesFacts, SeriesTexts};
use medsight_record::Refusal;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// A volume in memory, and whose images it is.
pub(super) struct Loaded {
    pub(super) volume: Volume,
    pub(super) facts: SeriesFacts,
    pub(super) origin: Origin,
    pub(super) slices: Vec<Evidence>,
    pub(super) frame_of_reference: String,
    pub(super) lossy: bool,
}

impl Loaded {
    /// As one of several images of a model.
    pub(super) fn as_channel(&self) -> ChannelVolume<'_> {
        ChannelVolume {
            volume: &self.volume,
            series: self.facts.clone(),
            frame_of_reference: self.frame_of_reference.clone(),
        }
    }
}

/// A folder whose headers were read.
pub(super) struct Folder {
    found: Vec<PathBuf>,
    source: FolderSource,
    scan: Scan,
}

/// The largest volume of a series.
pub(super) struct Wanted<'f> {
    series: &'f SeriesScan,
    stack: Stack,
    layout: Box<VolumeLayout>,
}

impl Wanted<'_> {
    /// Series Instance UID (0020,000E).
    pub(super) fn uid(&self) -> &str {
        &self.series.uid
    }

    fn voxels(&self) -> usize {
        self.layout.dims.iter().product()
    }
}

impl Folder {
    pub(super) fn open(path: &Path, out: &Output) -> Result<Self, Refusal> {
        let (found, missing) = files::collect(&[path.to_owned()]);
        if !missing.is_empty() {
            return Err(Refusal::new("not_found", format!("{} is not there.", path_text(path))));
        }
        let source = FolderSource::new(found.clone());
        let scan = scan_headers(&source, 0, &files::loading(out), &AtomicBool::new(false))?;
        Ok(Self { found, source, scan })
    }

    /// The largest volume of each series that has one.
    pub(super) fn volumes(&self) -> Vec<Wanted<'_>> {
        self.scan.series.iter().filter_map(|series| volume_of(series).ok()).collect()
    }

    /// The wanted series, or the largest volume there is.
    pub(super) fn largest(&self, uid: Option<&str>) -> Result<Wanted<'_>, Refusal> {
        let mut why_not = Refusal::new("not_found", "No series with images is there.");
        let mut best: Option<Wanted<'_>> = None;
        for series in self.scan.series.iter().filter(|series| uid.is_none_or(|uid| uid == series.uid)) {
            match volume_of(series) {
                Err(reason) => why_not = reason,
                Ok(found) if best.as_ref().is_none_or(|best| found.voxels() > best.voxels()) => {
                    best = Some(found);
                }
                Ok(_) => {}
            }
        }
        best.ok_or(why_not)
    }

    /// What tells which channel of a model the series is.
    pub(super) fn texts(&self, wanted: &Wanted<'_>) -> Result<SeriesTexts, Refusal> {
        let bytes = files::read(&self.found[wanted.series.files[wanted.stack.frames[0].image]])?;
        let object = Object::parse(&bytes)?;
        let data = object.data();
        let all = [
            tags::SERIES_DESCRIPTION,
            tags::PROTOCOL_NAME,
            tags::SEQUENCE_NAME,
            tags::PULSE_SEQUENCE_NAME,
            tags::SCANNING_SEQUENCE,
        ];
        let texts = all.iter().flat_map(|tag| data.texts(*tag)).collect();
        Ok(SeriesTexts { texts, has_contrast: !data.text_or_empty(tags::CONTRAST_BOLUS_AGENT).is_empty() })
    }

    /// Reads and builds a volume.
    pub(super) fn load(&self, wanted: &Wanted<'_>, out: &Output) -> Result<Loaded, Refusal> {
        let Wanted { series, stack, layout } = wanted;
        let (options, mut seconds) = (LoadOptions::default(), Seconds::default());
        let (progress, cancel) = (files::loading(out), AtomicBool::new(false));
        let volume =
            build_volume(&self.source, series, stack, layout, options, &progress, &cancel, &mut seconds)?;
        let mut slices = Vec::with_capacity(volume.dims[2]);
        let mut first: Option<(Origin, SeriesFacts)> = None;
        for place in &stack.frames[..volume.dims[2]] {
            let bytes = files::read(&self.found[series.files[place.image]])?;
            let object = Object::parse(&bytes)?;
            let mut evidence = Evidence::of(&object)?;
            if series.images[place.image].frames.len() > 1 {
                evidence.instance = evidence.instance.frame(place.frame as u32);
            }
            slices.push(evidence);
            if first.is_none() {
                let body_part = object.data().text_or_empty(tags::BODY_PART_EXAMINED);
                let modality = series.images[place.image].modality.clone();
                first = Some((Origin::of(&object)?, SeriesFacts { modality, body_part }));
            }
        }
        let (origin, facts) = first.ok_or_else(|| Refusal::new("not_found", "The series has no image."))?;
        let image = &series.images[stack.frames[0].image];
        let (frame_of_reference, lossy) = (image.frame_of_reference.clone(), image.lossy);
        Ok(Loaded { volume, facts, origin, slices, frame_of_reference, lossy })
    }
}

/// The largest volume of a series, or why it is none.
fn volume_of(series: &SeriesScan) -> Result<Wanted<'_>, Refusal> {
    let mut why_not = Refusal::new("not_found", "No series with images is there.");
    let mut best: Option<Wanted<'_>> = None;
    for stack in sort_frames(&series.images).stacks {
        let layout = match &stack.kind {
            StackKind::Pages { code, why_not: reason } => {
                why_not = Refusal::new(*code, format!("The series is no volume: {reason}"));
                continue;
            }
            StackKind::Volume(layout) => layout.clone(),
        };
        let found = Wanted { series, stack, layout };
        if best.as_ref().is_none_or(|best| found.voxels() > best.voxels()) {
            best = Some(found);
        }
    }
    best.ok_or(why_not)
}
