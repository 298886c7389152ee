//! Time: the time points of a volume, and cine through slices or time points.

use medsight_record::ViewKind;

use crate::cell::Cine;
use crate::light_box::LightBox;

impl LightBox {
    /// The time point a cell shows, from 0, and how many there are; `None` where there is no time.
    pub fn time(&self, cell: usize) -> Option<(usize, usize)> {
        let series = self.series_of(cell)?;
        let count = series.time_points();
        let per_time = series.slices.len() / count.max(1);
        let at = match self.cells[cell].view {
            ViewKind::Stack => self.cells[cell].slice / per_time.max(1),
            _ => series.volume()?.time,
        };
        (count > 1).then_some((at.min(count - 1), count))
    }

    /// To another time point, round at the ends: planes, 3D and stacks of the series go together.
    pub(crate) fn step_time(&mut self, cell: usize, by: i64) {
        let Some((at, count)) = self.time(cell) else { return };
        let to = (at as i64 + by).rem_euclid(count as i64) as usize;
        let Some(index) = self.cells[cell].series else { return };
        let per_time = self.series[index].slices.len() / count;
        self.series[index].set_time(to);
        for c in self.cells.iter_mut().filter(|c| c.series == Some(index)) {
            c.slice = to * per_time + c.slice % per_time.max(1);
        }
    }

    /// Planes and 3D of a volume with time play through time; everything else through its slices.
    fn plays_time(&self, cell: usize) -> bool {
        self.cells[cell].view != ViewKind::Stack && self.time(cell).is_some()
    }

    /// Where cine is, from 0, and how many steps it has.
    fn cine_steps(&self, cell: usize) -> Option<(i64, i64)> {
        if self.plays_time(cell) {
            return self.time(cell).map(|(at, count)| (at as i64, count as i64));
        }
        self.position(cell)
    }

    pub(crate) fn toggle_cine(&mut self) {
        let fps = self.facts(self.active).and_then(|f| f.frames_per_second).unwrap_or(self.default_fps);
        let many = self.cine_steps(self.active).is_some_and(|(_, count)| count > 1);
        let cell = &mut self.cells[self.active];
        cell.cine = match cell.cine {
            Some(_) => None,
            None => many.then_some(Cine { fps, last_s: None }),
        };
    }

    pub(crate) fn change_cine(&mut self, factor: f64) {
        if let Some(cine) = &mut self.cells[self.active].cine {
            cine.fps = (cine.fps * factor).clamp(0.5, 120.0);
        }
    }

    /// Moves running cines on; seconds until the next picture is due, `None` when nothing runs.
    pub fn advance_cines(&mut self) -> Option<f64> {
        let now = self.clock_s;
        let mut due: Option<f64> = None;
        for i in self.visible_cells() {
            let Some(cine) = self.cells[i].cine else { continue };
            let Some((at, count)) = self.cine_steps(i).filter(|(_, n)| *n > 1) else { continue };
            let last = cine.last_s.unwrap_or(now);
            let steps = ((now - last) * cine.fps + 1e-6).floor();
            if steps >= 1.0 {
                if self.plays_time(i) {
                    self.step_time(i, steps as i64);
                } else {
                    self.go_to(i, (at + steps as i64).rem_euclid(count));
                }
            }
            let next_last = last + steps / cine.fps;
            if let Some(cine) = &mut self.cells[i].cine {
                cine.last_s = Some(next_last);
            }
            let wait = (next_last + 1.0 / cine.fps - now).max(0.001);
            due = Some(due.map_or(wait, |d| d.min(wait)));
        }
        due
    }
}
