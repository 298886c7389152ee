//! What a window shows: news of the loader taken in, slices out of volumes, and what is asked for next.

use std::sync::Arc;

use medsight_base::DicomDate;
use medsight_image::{Frame, Samples, Volume, Voxels};
use medsight_record::{Refusal, ViewKind};
use medsight_viewport::{FrameState, LightBox, Series, Slice, StudyFacts, VolumeState};

use super::StudyWindow;
use crate::facts;
use crate::load::{FoundSeries, News};

/// Decoded frames of series without a volume, in bytes.
const FRAME_CACHE: usize = 384 << 20;

/// Slices before and behind the shown one that are decoded ahead.
const AHEAD: usize = 3;

impl StudyWindow {
    /// News of the loader.
    pub(crate) fn news(&mut self, news: News) {
        match news {
            News::First { study, series, frame } => {
                if let Some(uid) = study.uid.clone() {
                    if self.light_box.facts == StudyFacts::default() {
                        let facts = study_facts(&study.patient, &study.description, study.date);
                        self.light_box.facts = facts;
                        self.light_box.study = uid;
                    }
                }
                if self.light_box.series.is_empty() {
                    let mut shown = to_series(&series);
                    put_frame(&mut shown, 0, frame);
                    self.light_box.series = vec![shown];
                    self.light_box.cells[0] = medsight_viewport::Cell {
                        rect: self.light_box.cells[0].rect,
                        ..medsight_viewport::Cell::showing(0, 0)
                    };
                    self.found = vec![*series];
                }
            }
            News::Series { series, complete } => self.put_series(series, complete),
            News::Frame { series, slice, frame } => self.put_frame(series, slice, frame),
            News::Thumbnail { series, rgba, size } => {
                self.screen.painter.put_thumbnail(series, &rgba, size);
                self.thumbnails.retain(|(other, ..)| *other != series);
                self.thumbnails.push((series, rgba, size));
            }
            News::Building { series, share } => {
                if let Some(s) = self.light_box.series.get_mut(series) {
                    s.volume = VolumeState::Building(share);
                }
            }
            News::Volume { series, volume, holds_slices } => match volume {
                Ok(volume) => self.put_volume(series, &volume, holds_slices),
                Err(why) => {
                    if let Some(s) = self.light_box.series.get_mut(series) {
                        s.volume = VolumeState::Refused(why);
                    }
                }
            },
            News::Looks(looks) => self.light_box.looks.extend(looks),
            News::Reported(annotations) => self.light_box.put_reported(annotations),
            News::Layers(sets) => {
                self.light_box.put_layers(sets);
                self.forget_solids();
            }
            News::Solids { series, made } => {
                if let Some(made) = made.filter(|_| self.asked_solids.contains(&series)) {
                    self.light_box.solids.insert(series, made);
                }
            }
            News::Outlined { turn, volume, found } => self.outlined(turn, &volume, found),
            News::JobAt { turn, part } => self.light_box.job_at(turn, part),
            News::Traced { turn, found } => self.light_box.traced(turn, found),
            News::Aligned { turn, found } => self.light_box.aligned(turn, found),
            News::Curved { of, made } => self.light_box.put_curved(*of, made),
            News::Refused(files) => {
                self.light_box.refused_files.extend(files);
            }
            News::Nothing(why) => {
                self.sorted();
                let mut nothing = Series::new(medsight_base::SeriesUid(medsight_base::Uid::from_uuid(0)), "");
                nothing.failure = Some(why);
                self.light_box.series = vec![nothing];
                self.light_box.cells[0].series = Some(0);
            }
        }
        self.window.request_redraw();
    }

    pub(super) fn forget_solids(&mut self) {
        self.asked_solids.clear();
        self.light_box.solids.clear();
    }

    fn put_frame(&mut self, series: usize, slice: usize, frame: Result<Arc<Frame>, Refusal>) {
        let Some(s) = self.light_box.series.get_mut(series) else { return };
        match frame {
            // A volume came in the meantime: its slices are used.
            Ok(_) if self.slices_from_volume.contains(&series) => {}
            Ok(frame) => {
                let bytes = frame.samples.len() * 2;
                put_frame(s, slice, frame);
                self.cached.push((series, slice, bytes));
                self.trim_cache();
            }
            Err(why) => {
                if let Some(slice) = s.slices.get_mut(slice) {
                    slice.frame = FrameState::Failed(why);
                }
            }
        }
    }

    fn trim_cache(&mut self) {
        let mut total: usize = self.cached.iter().map(|c| c.2).sum();
        while total > FRAME_CACHE && self.cached.len() > 2 * AHEAD + 2 {
            let (series, slice, bytes) = self.cached.remove(0);
            total -= bytes;
            if let Some(slice) = self.light_box.series.get_mut(series).and_then(|s| s.slices.get_mut(slice)) {
                slice.frame = FrameState::Waiting;
            }
        }
    }

    /// From now on the slices of the series come out of the volume: the pixels are in memory once.
    fn put_volume(&mut self, series: usize, volume: &Arc<Volume>, holds_slices: bool) {
        let Some(s) = self.light_box.series.get_mut(series) else { return };
        s.volume = VolumeState::Ready(volume.clone());
        if !holds_slices {
            self.light_box.volume_ready(series);
            return;
        }
        self.slices_from_volume.push(series);
        for slice in &mut s.slices {
            slice.frame = FrameState::Waiting;
            if let Some(facts) = &slice.facts {
                slice.facts = Some(Arc::new(facts::for_voxels(facts)));
            }
        }
        self.cached.retain(|c| c.0 != series);
        self.light_box.volume_ready(series);
        self.fill_from_volumes();
    }

    /// Slices on the screen out of volumes; the others are let go of.
    fn fill_from_volumes(&mut self) {
        let shown: Vec<(usize, usize)> = self.stack_cells().collect();
        for index in &self.slices_from_volume {
            let Some(s) = self.light_box.series.get_mut(*index) else { continue };
            let Some(volume) = s.volume().cloned() else { continue };
            let photometric = self.found.get(*index).map(|f| f.photometric);
            for slice in 0..s.slices.len() {
                let is_shown = shown.contains(&(*index, slice));
                let is_there = matches!(s.slices[slice].frame, FrameState::Ready(_));
                if is_shown && !is_there {
                    if let Some(frame) = slice_of(&volume, slice, photometric) {
                        s.slices[slice].frame = FrameState::Ready(Arc::new(frame));
                    }
                } else if !is_shown && is_there {
                    s.slices[slice].frame = FrameState::Waiting;
                }
            }
        }
    }

    fn stack_cells(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let visible = self.light_box.visible_cells();
        visible.into_iter().filter_map(|i| {
            let cell = &self.light_box.cells[i];
            (cell.view == ViewKind::Stack).then_some((cell.series?, cell.slice))
        })
    }

    /// Asks the loader for what the cells show and will show next.
    pub(super) fn ask(&mut self) {
        self.fill_from_volumes();
        self.start_model();
        self.start_outline();
        self.start_job();
        self.make_curved();
        let Some(loader) = &self.loader else { return };
        let waiting = |series: usize, slice: usize| {
            let s = self.light_box.series.get(series)?;
            (!self.slices_from_volume.contains(&series)
                && matches!(s.slices.get(slice)?.frame, FrameState::Waiting))
            .then_some((series, slice))
        };
        let shown: Vec<(usize, usize)> = self.stack_cells().collect();
        let mut frames: Vec<(usize, usize)> = shown.iter().filter_map(|(s, i)| waiting(*s, *i)).collect();
        for step in 1..=AHEAD {
            for (s, i) in &shown {
                frames.extend(waiting(*s, i + step));
                frames.extend(i.checked_sub(step).and_then(|i| waiting(*s, i)));
            }
        }
        loader.want_frames(frames);
        let makes_volume = |series: usize| {
            let can = self.found.get(series).is_some_and(|f| f.no_volume.is_none() && f.slices.len() > 1);
            // A volume of half a series would have to be built again.
            let can = can && !self.is_arriving();
            can && self.found.len() == self.light_box.series.len() && !self.asked_volumes.contains(&series)
        };
        let volumes = wanted_volumes(&self.light_box, self.first_image_ms.is_some(), makes_volume);
        for series in volumes {
            self.asked_volumes.push(series);
            loader.want_volume(series);
        }
        for series in self.light_box.wanted_solids() {
            let volume = self.light_box.series.get(series).and_then(|s| s.volume().cloned());
            let Some(volume) = volume.filter(|_| !self.asked_solids.contains(&series)) else { continue };
            let sets = self.light_box.sets_with_surfaces(series);
            loader.want_solids(series, volume, sets.into_iter().map(|(i, s)| (i, s.clone())).collect());
            self.asked_solids.push(series);
        }
    }
}

/// The volumes that are to be built now: of what the cells show, each once, where `makes_volume` says that there is
/// one to ask for. Only after the first image is on the screen; where only planes are, they are the first image.
fn wanted_volumes(
    light_box: &LightBox,
    has_first_image: bool,
    makes_volume: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let visible = light_box.visible_cells();
    let is_stack = |i: &usize| {
        let cell = &light_box.cells[*i];
        cell.view == ViewKind::Stack && cell.series.is_some()
    };
    if !has_first_image && visible.iter().any(is_stack) {
        return Vec::new();
    }
    let mut wanted: Vec<usize> = Vec::new();
    let shown = visible.into_iter().filter_map(|i| light_box.cells[i].series);
    for series in shown.chain(light_box.volumes_wanted.iter().copied()) {
        if !wanted.contains(&series) && makes_volume(series) {
            wanted.push(series);
        }
    }
    wanted
}

/// Identity and description for the header.
pub(crate) fn study_facts(
    patient: &medsight_record::Patient,
    description: &str,
    date: Option<DicomDate>,
) -> StudyFacts {
    let parts = [description.to_owned(), date.map(DicomDate::iso).unwrap_or_default()];
    let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    StudyFacts {
        identity: patient.identity_line(date),
        description: parts.join(" · "),
        date,
        patient: Some(patient.clone()),
    }
}

pub(super) fn to_series(found: &FoundSeries) -> Series {
    let mut series = Series::new(found.uid.clone(), &found.modality);
    series.study = found.study.as_ref().map(|s| study_facts(&s.patient, &s.description, s.date));
    series.study_uid = found.study.as_ref().and_then(|study| study.uid.clone());
    series.number = found.number;
    series.description = found.description.clone();
    series.frame_of_reference = found.frame_of_reference.clone();
    series.warnings = found.warnings.clone();
    series.page = found.page.clone();
    if let Some(why) = &found.no_volume {
        series.volume = VolumeState::Refused(why.clone());
    }
    series.slices = found
        .slices
        .iter()
        .map(|f| Slice {
            facts: Some(f.facts.clone()),
            ..Slice::new(f.instance.clone(), u32::try_from(f.frame).unwrap_or(0))
        })
        .collect();
    series
}

pub(super) fn put_frame(series: &mut Series, slice: usize, frame: Arc<Frame>) {
    let Some(at) = series.slices.get_mut(slice) else { return };
    if let (Some(facts), Some((min, max, _))) = (&at.facts, frame.samples.min_max_mean()) {
        let [a, b] = [min, max].map(|v| f64::from(facts.modality.apply(v as f32)));
        let [low, high] = series.range.unwrap_or([f64::INFINITY, f64::NEG_INFINITY]);
        series.range = Some([low.min(a.min(b)), high.max(a.max(b))]);
        if series.typical.is_none() && !facts.is_color {
            series.typical = Some(crate::thumbnail::typical_range(&frame, facts));
        }
    }
    at.frame = FrameState::Ready(frame);
}

/// A slice of a volume as a frame of modality values. Time points come one after the other.
fn slice_of(
    volume: &Volume,
    index: usize,
    photometric: Option<medsight_image::Photometric>,
) -> Option<Frame> {
    let size = volume.dims[0] * volume.dims[1];
    let range = index * size..(index + 1) * size;
    let samples = match &*volume.voxels {
        Voxels::I16(v) => Samples::I16(v.get(range)?.to_vec()),
        Voxels::F32(v) => Samples::F32(v.get(range)?.to_vec()),
    };
    let photometric = photometric.unwrap_or(medsight_image::Photometric::Monochrome2);
    Some(Frame { rows: volume.dims[1], columns: volume.dims[0], photometric, samples })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use medsight_base::StudyUid;
    use medsight_record::Layout;
    use medsight_record::words::Locale;

    fn showing(views: [ViewKind; 2]) -> LightBox {
        let mut light_box = LightBox::new(StudyUid::parse("1.2").unwrap(), Locale::En, uuid::Uuid::new_v4);
        light_box.layout = Layout { columns: 2, rows: 1 };
        for (cell, view) in light_box.cells.iter_mut().zip(views) {
            (cell.series, cell.view) = (Some(0), view);
        }
        light_box
    }

    #[test]
    fn planes_put_back_after_a_crash_get_their_volume_though_no_image_was_shown_yet() {
        let planes = showing([ViewKind::Axial, ViewKind::Volume3d]);
        assert_eq!(wanted_volumes(&planes, false, |_| true), [0]);
    }

    #[test]
    fn a_volume_waits_for_the_first_image_where_there_is_one_to_wait_for() {
        let with_image = showing([ViewKind::Stack, ViewKind::Axial]);
        assert!(wanted_volumes(&with_image, false, |_| true).is_empty());
        assert_eq!(wanted_volumes(&with_image, true, |_| true), [0]);
        assert!(wanted_volumes(&with_image, true, |_| false).is_empty());
    }
}
