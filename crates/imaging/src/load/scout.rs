//! The scout: the first image, then the series sorted into stacks, then volumes as they are asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use medsight_base::{InstanceUid, SeriesUid};
use medsight_codec::{
    ByteSource, FrameFile, LoadOptions, SeriesScan, SkippedFile, build_volume, scan_headers,
};
use medsight_dicom::{ImageInfo, Object, Stack, StackKind, instance_record, sort_frames};
use medsight_image::Photometric;
use medsight_record::{ManifestInstance, Refusal, SeriesRecord};
use medsight_viewport::SliceFacts;

use super::{FoundSeries, FoundSlice, FoundStudy, News, Stage, Tell, Wanted, no_images};
use crate::source::Part;
use crate::studies::Studies;
use crate::{facts, layers};

/// Sorted series with what is needed to build their volumes.
struct Sorted {
    scan: Arc<SeriesScan>,
    stack: Stack,
}

pub(super) struct Scout {
    pub(super) source: Arc<dyn ByteSource + Send + Sync>,
    pub(super) studies: Option<Studies>,
    pub(super) stage: Stage,
    pub(super) tell: Tell,
    pub(super) wanted: Arc<(Mutex<Wanted>, Condvar)>,
    pub(super) cancel: Arc<AtomicBool>,
}

impl Scout {
    pub(super) fn run(self) {
        if !self.stage.is_shown {
            self.first();
        }
        let (found, sorted) = match &self.studies {
            Some(studies) => self.by_manifest(studies),
            None => self.by_scan(),
        };
        if found.is_empty() {
            return;
        }
        loop {
            let next = {
                let Ok(mut wanted) = self.wanted.0.lock() else { return };
                loop {
                    if wanted.quit {
                        return;
                    }
                    if let Some(series) = wanted.volumes.pop_front() {
                        break series;
                    }
                    let Ok(again) = self.wanted.1.wait(wanted) else { return };
                    wanted = again;
                }
            };
            if let Some(sorted) = sorted.get(next) {
                self.build(next, sorted);
            }
        }
    }

    /// The files that may hold the first image: the middle one, then from the start.
    fn candidates(&self) -> Vec<usize> {
        let with_pixels: Vec<usize> = match &self.studies {
            Some(studies) => {
                // Its files come first, so that they have the same numbers in the source.
                let m = studies.current();
                // What lies on images is the first thing seen only where there are no images.
                let is_image = |s: &&SeriesRecord| !layers::LAYER_MODALITIES.contains(&s.modality.as_str());
                let largest = m.series.iter().max_by_key(|s| (is_image(s), s.frame_count));
                let largest = largest.map(|s| s.uid.clone());
                let of_series = m
                    .instances
                    .iter()
                    .enumerate()
                    .filter(|(_, i)| i.frames > 0 && Some(&i.series) == largest.as_ref());
                of_series.map(|(i, _)| i).collect()
            }
            None => (0..self.source.len()).collect(),
        };
        let middle = with_pixels.get(with_pixels.len() / 2).copied();
        middle.into_iter().chain(with_pixels.into_iter().take(3)).collect()
    }

    fn first(&self) {
        for file in self.candidates() {
            let source = self.source.as_ref();
            let Ok(opened) = FrameFile::open(source, file) else { continue };
            let Ok(image) = ImageInfo::read(opened.object()) else { continue };
            let frame_number = image.shown_frame(image.encoded.frames / 2);
            let decoded = opened.decode_shown(source, &image, frame_number);
            let Ok(frame) = decoded else { continue };
            let facts = Arc::new(facts::of_frame(&image, frame_number));
            let (study, mut series) = describe(opened.object(), &image);
            series.photometric = frame.photometric;
            series.slices =
                vec![FoundSlice { instance: instance_of(&image, file), frame: frame_number, file, facts }];
            (self.tell)(News::First {
                study: Box::new(study),
                series: Box::new(series),
                frame: Arc::new(frame),
            });
            return;
        }
    }

    /// Alone: nobody knows which file is what, so all headers are read.
    fn by_scan(&self) -> (Vec<FoundSeries>, Vec<Sorted>) {
        let scan = match scan_headers(self.source.as_ref(), 0, &|_| {}, &self.cancel) {
            Ok(scan) => scan,
            Err(_) => return Default::default(),
        };
        // Segmentations and structure sets lie on the images; those that are no such layers stay what they were.
        let is_document = |s: &&SkippedFile| s.refusal.code == "no_pixels";
        let documents: Vec<usize> = scan.skipped.iter().filter(is_document).map(|s| s.file).collect();
        let of_segmentations = |s: &SeriesScan| {
            s.images.iter().all(|image| layers::LAYER_MODALITIES.contains(&image.modality.as_str()))
        };
        let masks = scan.series.iter().filter(|s| of_segmentations(s)).flat_map(|s| s.files.clone());
        let (shown, histograms) = self.show_layers(documents.iter().copied().chain(masks).collect());
        let frames_of_reference = scan.series.iter().filter_map(|s| {
            let uid = SeriesUid::parse(&s.uid).ok()?;
            Some((s.images.first()?.frame_of_reference.clone(), uid))
        });
        let read = self.show_reports(&documents, &frames_of_reference.collect::<Vec<_>>());
        let (page_files, mut pages) = self.pages(&documents);
        pages.extend(histograms);
        let is_shown =
            |file: &usize| shown.contains(file) || read.contains(file) || page_files.contains(file);
        let skipped: Vec<_> = scan.skipped.iter().filter(|s| !is_shown(&s.file)).cloned().collect();
        let only_layers = |s: &SeriesScan| s.files.iter().all(|file| shown.contains(file));
        let has_images = scan.series.iter().any(|s| !only_layers(s));
        self.refuse(self.source.as_ref(), &skipped);
        if scan.series.is_empty() && pages.is_empty() {
            let why = scan.skipped.first().map_or_else(no_images, |s| s.refusal.clone());
            (self.tell)(News::Nothing(why));
            return Default::default();
        }
        let (mut found, mut sorted) = (Vec::new(), Vec::new());
        for series in scan.series.into_iter().filter(|s| !has_images || !only_layers(s)) {
            let files = series.files.clone();
            self.sort(series, &files, None, &mut found, &mut sorted);
        }
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by_key(|i| {
            (found[*i].number.unwrap_or(i32::MAX), std::cmp::Reverse(found[*i].slices.len()))
        });
        let mut sorted: Vec<Option<Sorted>> = sorted.into_iter().map(Some).collect();
        let mut found: Vec<FoundSeries> = order.iter().map(|i| found[*i].clone()).collect();
        let sorted = order.iter().filter_map(|i| sorted[*i].take()).collect();
        found.extend(pages);
        self.publish(&found, true);
        (found, sorted)
    }

    /// With the desk: series by series, as the manifest lists them.
    fn by_manifest(&self, studies: &Studies) -> (Vec<FoundSeries>, Vec<Sorted>) {
        let (records, instances): (Vec<_>, Vec<_>) =
            (studies.series().collect(), studies.instances().collect());
        let is_layer = |series: &SeriesUid| {
            let modality = records.iter().find(|s| s.uid == *series).map(|s| s.modality.as_str());
            modality.is_some_and(|modality| layers::LAYER_MODALITIES.contains(&modality))
        };
        let derived = instances.iter().enumerate().filter(|(_, i)| is_layer(&i.series));
        let derived: Vec<usize> = derived.map(|(file, _)| file).collect();
        let (shown, histograms) =
            if self.stage.is_arriving { (derived, Vec::new()) } else { self.show_layers(derived) };
        let has_images = instances.iter().any(|i| i.frames > 0 && !is_layer(&i.series));
        let mut files: BTreeMap<&SeriesUid, Vec<usize>> = BTreeMap::new();
        let images = instances.iter().enumerate().filter(|(_, i)| i.frames > 0);
        for (i, instance) in images.filter(|(i, _)| !has_images || !shown.contains(i)) {
            files.entry(&instance.series).or_default().push(i);
        }
        let (mut found, mut sorted) = (Vec::new(), Vec::new());
        let mut refused = None;
        for series in records.iter().copied() {
            let Some(files) = files.get(&series.uid) else { continue };
            let part = Part { whole: self.source.as_ref(), files };
            let Ok(scan) = scan_headers(&part, 0, &|_| {}, &self.cancel) else { return Default::default() };
            if let Some(skipped) = scan.skipped.first() {
                refused = Some(skipped.refusal.clone());
            }
            self.refuse(&part, &scan.skipped);
            for one in scan.series {
                self.sort(one, files, Some(series), &mut found, &mut sorted);
            }
        }
        let is_report = |i: &ManifestInstance| {
            records.iter().any(|s| s.uid == i.series && matches!(s.modality.as_str(), "SR" | "PR"))
        };
        let reports = instances.iter().enumerate().filter(|(_, i)| is_report(i));
        let reports: Vec<usize> = reports.map(|(file, _)| file).collect();
        let frames_of_reference: Vec<_> =
            found.iter().map(|s| (s.frame_of_reference.clone(), s.uid.clone())).collect();
        if !self.stage.is_arriving {
            self.show_reports(&reports, &frames_of_reference);
        }
        let without_pixels = |(file, i): &(usize, &&ManifestInstance)| {
            i.frames == 0 && !shown.contains(file) && !reports.contains(file)
        };
        let others: Vec<usize> =
            instances.iter().enumerate().filter(without_pixels).map(|(file, _)| file).collect();
        let (_, pages) = self.pages(&others);
        found.extend(pages.into_iter().chain(histograms));
        if found.is_empty() {
            (self.tell)(News::Nothing(refused.unwrap_or_else(no_images)));
        } else {
            self.publish(&found, true);
        }
        (found, sorted)
    }

    /// Sorts one series into stacks; `files` numbers its files in the whole source.
    fn sort(
        &self,
        mut scan: SeriesScan,
        files: &[usize],
        record: Option<&medsight_record::SeriesRecord>,
        found: &mut Vec<FoundSeries>,
        sorted: &mut Vec<Sorted>,
    ) {
        if record.is_some() {
            scan.files = scan.files.iter().map(|f| files[*f]).collect();
        }
        let mut base = match record {
            Some(r) => FoundSeries {
                study: self.beside_of(&r.uid),
                uid: r.uid.clone(),
                number: r.number,
                modality: r.modality.clone(),
                description: r.description.clone(),
                frame_of_reference: scan.images[0].frame_of_reference.clone(),
                slices: Vec::new(),
                no_volume: None,
                warnings: Vec::new(),
                photometric: Photometric::Monochrome2,
                page: None,
            },
            None => match FrameFile::open(self.source.as_ref(), scan.files[0]) {
                Ok(opened) => {
                    let (study, series) = describe(opened.object(), &scan.images[0]);
                    FoundSeries { study: Some(study), ..series }
                }
                Err(_) => return,
            },
        };
        if scan.images.iter().all(|i| i.encoded.photometric == "MONOCHROME1") {
            base.photometric = Photometric::Monochrome1;
        }
        let facts: Vec<Vec<Arc<SliceFacts>>> = scan.images.iter().map(facts::of_frames).collect();
        let stacks = sort_frames(&scan.images).stacks;
        let scan = Arc::new(scan);
        // Stacks that are only pages are read as one; each volume stands alone.
        let (volumes, pages): (Vec<Stack>, Vec<Stack>) =
            stacks.into_iter().partition(|s| matches!(s.kind, StackKind::Volume(_)));
        let merged = pages.into_iter().reduce(|mut all, more| {
            all.frames.extend(more.frames);
            all
        });
        for stack in volumes.into_iter().chain(merged) {
            let slices = stack.frames.iter().map(|at| FoundSlice {
                instance: instance_of(&scan.images[at.image], scan.files[at.image]),
                frame: at.frame,
                file: scan.files[at.image],
                facts: facts[at.image][at.frame].clone(),
            });
            let (no_volume, warnings) = match &stack.kind {
                StackKind::Volume(layout) => (None, layout.warnings.clone()),
                StackKind::Pages { code, why_not } => (Some(Refusal::new(*code, why_not)), Vec::new()),
            };
            found.push(FoundSeries { slices: slices.collect(), no_volume, warnings, ..base.clone() });
            sorted.push(Sorted { scan: scan.clone(), stack });
        }
    }

    /// The study of a series where that is not the one that is read: of the latter the window knows.
    pub(super) fn beside_of(&self, series: &SeriesUid) -> Option<FoundStudy> {
        let study = self.studies.as_ref()?.beside_of(series)?;
        Some(FoundStudy {
            uid: Some(study.uid.clone()),
            patient: study.patient.clone(),
            description: study.description.clone(),
            date: study.date,
        })
    }

    fn publish(&self, found: &[FoundSeries], complete: bool) {
        if let Ok(mut wanted) = self.wanted.0.lock() {
            wanted.series = Arc::new(found.to_vec());
            wanted.thumbnails = (0..found.len()).collect();
        }
        self.wanted.1.notify_all();
        (self.tell)(News::Series { series: found.to_vec(), complete });
    }

    fn build(&self, index: usize, sorted: &Sorted) {
        let StackKind::Volume(layout) = &sorted.stack.kind else { return };
        let told = std::sync::atomic::AtomicUsize::new(0);
        let on_event = |event: medsight_codec::LoadEvent| {
            if let medsight_codec::LoadEvent::Frames { done, total } = event {
                let percent = done * 20 / total.max(1);
                if told.fetch_max(percent, Ordering::Relaxed) < percent {
                    (self.tell)(News::Building { series: index, share: done as f32 / total.max(1) as f32 });
                }
            }
        };
        let mut seconds = medsight_codec::Seconds::default();
        let built = build_volume(
            self.source.as_ref(),
            &sorted.scan,
            &sorted.stack,
            layout,
            LoadOptions::default(),
            &on_event,
            &self.cancel,
            &mut seconds,
        );
        let mut holds_slices = true;
        let volume = match built {
            Ok(volume) => {
                let offsets = volume.slice_offsets_mm.clone();
                let even = medsight_image::regular::regular(volume);
                holds_slices = even.slice_offsets_mm == offsets;
                Ok(Arc::new(even))
            }
            Err(refusal) if refusal.code == "cancelled" => return,
            Err(refusal) => Err(refusal),
        };
        (self.tell)(News::Volume { series: index, volume, holds_slices });
    }
}

fn instance_of(image: &ImageInfo, file: usize) -> InstanceUid {
    // Files without a UID are told apart by their place in the list; such measurements are never kept.
    InstanceUid::parse(&image.instance_uid)
        .unwrap_or_else(|_| InstanceUid(medsight_base::Uid::from_uuid(file as u128)))
}

fn describe(object: &Object<'_>, image: &ImageInfo) -> (FoundStudy, FoundSeries) {
    let record = instance_record(object).ok();
    let series =
        SeriesUid::parse(&image.series_uid).unwrap_or_else(|_| SeriesUid(medsight_base::Uid::from_uuid(0)));
    let study = record.as_ref().map_or_else(FoundStudy::default, |r| FoundStudy {
        uid: Some(r.study.clone()),
        patient: r.patient.clone(),
        description: r.study_description.clone(),
        date: r.study_date,
    });
    let series = FoundSeries {
        study: None,
        uid: series,
        number: record.as_ref().and_then(|r| r.series_number),
        modality: image.modality.clone(),
        description: record.map(|r| r.series_description).unwrap_or_default(),
        frame_of_reference: image.frame_of_reference.clone(),
        slices: Vec::new(),
        no_volume: None,
        warnings: Vec::new(),
        photometric: Photometric::Monochrome2,
        page: None,
    };
    (study, series)
}
