//! A study that grows while it is shown: the sorted series take the place of what was there, and every image that was
//! on the screen stays at its place, with its pixels. Likewise where another study comes beside it. Not here: reading the files.

use medsight_base::{InstanceUid, StudyUid};
use medsight_link::Arrival;
use medsight_record::{ImageRef, Manifest, ViewKind};
use medsight_viewport::{FrameState, Series, VolumeState};

use super::StudyWindow;
use super::content::{put_frame, to_series};
use crate::load::{FoundSeries, Loader};
use crate::studies::Studies;

/// What a window knows of a study that is on its way.
#[derive(Default)]
pub(super) struct Arriving {
    state: Option<Arrival>,
    /// The desk has been told that this one is looked at.
    told: Option<InstanceUid>,
    /// Images that were there at the last count.
    images: usize,
    /// The loader has not told the series yet; what there is then is read after that.
    sorting: bool,
    is_outdated: bool,
}

impl StudyWindow {
    /// Whether more of the study is on its way.
    pub(crate) fn is_arriving(&self) -> bool {
        self.arrival.state == Some(Arrival::More)
    }

    pub(crate) fn set_arrival(&mut self, arrival: Arrival) {
        self.arrival.state = Some(arrival);
        self.arrival.sorting = true;
    }

    /// What there is now of a study. How far another than the one that is read has come is not said in the window.
    pub(crate) fn put_manifest(&mut self, manifest: Manifest, arrival: Arrival) {
        if manifest.study.uid == *self.study() {
            self.unsay();
            self.arrival.state = Some(arrival);
        }
        if let Some(studies) = &mut self.studies {
            studies.put(manifest);
        }
    }

    /// Takes a study off that is beside the one that is read. False where it is not.
    pub(crate) fn take_manifest(&mut self, study: &StudyUid) -> bool {
        let was_there = self.studies.as_mut().is_some_and(|studies| studies.take(study));
        if was_there {
            self.light_box.take_beside(study);
        }
        was_there
    }

    /// What is to be read now; `None` while what was there before is still being sorted.
    pub(crate) fn begin_anew(&mut self) -> Option<Studies> {
        self.arrival.is_outdated = self.arrival.sorting;
        self.studies.clone().filter(|_| !self.arrival.sorting)
    }

    /// Other files are there than those that were being sorted, and that is done.
    pub(crate) fn is_to_read_anew(&self) -> bool {
        self.arrival.is_outdated && !self.arrival.sorting
    }

    /// The loader has told all that it found.
    pub(super) fn sorted(&mut self) {
        self.arrival.sorting = false;
    }

    /// Other files are there, and `loader` reads them. What is on the screen stays until they are sorted.
    pub(crate) fn grow(&mut self, loader: Loader) {
        // What the loader of before computes, nobody hears of any more.
        self.light_box.break_off_job();
        self.light_box.forget_curved();
        self.loader = Some(loader);
        self.unsay();
        self.arrival.sorting = true;
        // They are read again with the rest.
        self.light_box.forget_layers();
        self.light_box.looks.clear();
        self.light_box.look = None;
        self.light_box.reported.clear();
        self.light_box.refused_files.clear();
        self.window.request_redraw();
    }

    /// Says that images are missing as long as they are, whenever nothing else is said.
    pub(super) fn stand_notice(&mut self) {
        if self.light_box.notice.is_none() {
            self.light_box.notice = self.standing();
        }
    }

    fn unsay(&mut self) {
        if self.light_box.notice == self.standing() {
            self.light_box.notice = None;
        }
    }

    fn standing(&self) -> Option<String> {
        let words = &self.light_box.words;
        match self.arrival.state {
            Some(Arrival::More) => {
                Some(words.fill("lightbox.arriving", &[("images", &self.arrival.images.to_string())]))
            }
            Some(Arrival::CutOff) => Some(words.text("lightbox.cut_off").to_owned()),
            Some(Arrival::Whole) | None => None,
        }
    }

    /// The image of the active cell, when it is another than the desk knows of and the rest is still to come.
    pub(crate) fn newly_visible(&mut self) -> Option<InstanceUid> {
        let cell = self.light_box.cells.get(self.light_box.active).filter(|_| self.is_arriving())?;
        let slice = self.light_box.series.get(cell.series?)?.slices.get(cell.slice)?;
        if cell.view != ViewKind::Stack || self.arrival.told.as_ref() == Some(&slice.instance) {
            return None;
        }
        self.arrival.told = Some(slice.instance.clone());
        self.arrival.told.clone()
    }

    /// The sorted series take the place of the first image, or of fewer, which stay on the screen.
    pub(super) fn put_series(&mut self, found: Vec<FoundSeries>, complete: bool) {
        let mut before = std::mem::take(&mut self.light_box.series);
        let shown: Vec<Option<Shown>> =
            self.light_box.cells.iter().map(|cell| Shown::of(&before, cell.series?, cell.slice)).collect();
        let names = |all: &[Series]| all.iter().map(|s| s.uid.clone()).collect::<Vec<_>>();
        let names_before = names(&before);
        self.light_box.series = found.iter().map(to_series).collect();
        if self.is_arriving() {
            // Gaps are still being filled, and the header says so; what is missing in the end is said in the end.
            let of_gaps = |code: &str| matches!(code, "missing_slices" | "uneven_spacing");
            for series in &mut self.light_box.series {
                series.warnings.retain(|warning| !of_gaps(&warning.code));
            }
        }
        self.sorted();
        self.unsay();
        self.arrival.images = found.iter().map(|series| series.slices.len()).sum();
        self.found = found;
        let asked = std::mem::take(&mut self.asked_volumes);
        let from_volume = std::mem::take(&mut self.slices_from_volume);
        self.forget_solids();
        self.cached.clear();
        // A picture in the strip stays as long as it stands at the right place.
        if names(&self.light_box.series) != names_before {
            self.screen.painter.forget_thumbnails();
            self.thumbnails.clear();
        }
        for (at, series) in self.light_box.series.iter_mut().enumerate() {
            if let Some(same) = before.iter().position(|old| is_same(old, series)) {
                if keep_all(series, &mut before[same]) && asked.contains(&same) {
                    self.asked_volumes.push(at);
                }
                if from_volume.contains(&same) {
                    self.slices_from_volume.push(at);
                    continue;
                }
            } else {
                // What came out of a volume has other values than the file.
                let uid = series.uid.clone();
                let of_series = |(i, old): &(usize, &Series)| old.uid == uid && !from_volume.contains(i);
                let old = before.iter().enumerate().filter(of_series).map(|(_, old)| old);
                keep_frames(series, old);
            }
            self.cached.extend(series.slices.iter().enumerate().filter_map(
                |(i, slice)| match &slice.frame {
                    FrameState::Ready(frame) => Some((at, i, frame.samples.len() * 2)),
                    _ => None,
                },
            ));
        }
        match self.session.take().filter(|_| complete && !self.is_arriving()) {
            Some(session) => self.light_box.restore(&session),
            None => {
                for (cell, shown) in self.light_box.cells.iter_mut().zip(&shown) {
                    let Some(shown) = shown else { continue };
                    // What was the first image of all is one of a stack now.
                    let (series, slice) = shown.find(&self.light_box.series).unwrap_or((0, 0));
                    (cell.series, cell.slice) = (Some(series), slice);
                }
                if shown.iter().all(Option::is_none) {
                    (self.light_box.cells[0].series, self.light_box.cells[0].slice) = (Some(0), 0);
                }
            }
        }
        if !self.arrival.is_outdated {
            self.light_box.lay_out_beside();
        }
        for cell in &mut self.light_box.cells {
            let count = cell.series.and_then(|s| self.light_box.series.get(s)).map_or(0, |s| s.slices.len());
            cell.slice = cell.slice.min(count.saturating_sub(1));
        }
    }
}

/// The image that a cell shows.
struct Shown {
    series: medsight_base::SeriesUid,
    image: Option<ImageRef>,
}

impl Shown {
    fn of(all: &[Series], series: usize, slice: usize) -> Option<Self> {
        let series = all.get(series)?;
        Some(Self { series: series.uid.clone(), image: series.slices.get(slice).map(|slice| slice.image()) })
    }

    /// The stack that holds it, else the first one of its series; and the slice in it.
    fn find(&self, all: &[Series]) -> Option<(usize, usize)> {
        let of_series = || all.iter().enumerate().filter(|(_, s)| s.uid == self.series);
        let by_image = self
            .image
            .as_ref()
            .and_then(|image| of_series().find_map(|(at, series)| Some((at, series.slice_of(image)?))));
        by_image.or_else(|| of_series().next().map(|(at, _)| (at, 0)))
    }
}

/// The same images, none more and none less.
fn is_same(one: &Series, other: &Series) -> bool {
    let image = |s: &medsight_viewport::Slice| (s.instance.clone(), s.frame_number);
    one.uid == other.uid && one.slices.iter().map(image).eq(other.slices.iter().map(image))
}

/// A series that did not grow keeps all that was made of it. False when its volume was not ready: its builder is gone.
fn keep_all(series: &mut Series, old: &mut Series) -> bool {
    series.slices = std::mem::take(&mut old.slices);
    (series.planes, series.time) = (old.planes, old.time);
    (series.range, series.typical) = (old.range, old.typical);
    match std::mem::take(&mut old.volume) {
        VolumeState::Unknown | VolumeState::Building(_) => false,
        made => {
            series.volume = made;
            true
        }
    }
}

/// A series that grew keeps the pixels that were read, and its planes for the volume to come.
fn keep_frames<'s>(series: &mut Series, old: impl Iterator<Item = &'s Series>) {
    for old in old {
        series.typical = series.typical.or(old.typical);
        series.planes = series.planes.or(old.planes);
        for slice in &old.slices {
            if let (FrameState::Ready(frame), Some(at)) = (&slice.frame, series.slice_of(&slice.image())) {
                put_frame(series, at, frame.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use medsight_base::SeriesUid;
    use medsight_viewport::Slice;

    fn series(uid: &str, numbers: std::ops::Range<u32>) -> Series {
        let mut series = Series::new(SeriesUid::parse(uid).unwrap(), "CT");
        let instance = |n: u32| InstanceUid::parse(&format!("{uid}.{n}")).unwrap();
        series.slices = numbers.map(|n| Slice::new(instance(n), 0)).collect();
        series
    }

    #[test]
    fn the_image_on_the_screen_stays_when_others_come_before_and_behind_it() {
        let before = [series("1.2", 10..12)];
        let shown = Shown::of(&before, 0, 1).unwrap();
        let after = [series("1.1", 0..3), series("1.2", 5..20)];
        assert_eq!(shown.find(&after), Some((1, 6)));
        assert!(!is_same(&before[0], &after[1]));
    }

    #[test]
    fn a_series_that_is_whole_keeps_its_pixels_while_others_arrive() {
        let pixels = |n: i16| medsight_image::Frame {
            rows: 1,
            columns: 1,
            photometric: medsight_image::Photometric::Monochrome2,
            samples: medsight_image::Samples::I16(vec![n]),
        };
        let mut old = series("1.2", 0..3);
        old.slices[2].frame = FrameState::Ready(std::sync::Arc::new(pixels(7)));
        let mut same = series("1.2", 0..3);
        assert!(is_same(&old, &same));
        let mut grown = series("1.2", 0..9);
        keep_frames(&mut grown, std::iter::once(&old));
        let FrameState::Ready(frame) = &grown.slices[2].frame else { panic!("it has no pixels") };
        assert!(matches!(&frame.samples, medsight_image::Samples::I16(v) if *v == [7]));
        assert!(!keep_all(&mut same, &mut old));
        assert!(matches!(same.slices[2].frame, FrameState::Ready(_)));
    }
}
