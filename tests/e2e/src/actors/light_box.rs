//! The light box: its window, driven with real input, and the state it writes as JSON lines.

use crate::machine::Machine;
use crate::process::until;
use crate::screen::{self, Area, Look, Picture};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// What the X server calls windows of the light box: the title has the patient's name, this has not.
const CLASS: &str = "^medsight-imaging$";

/// The light box of one machine.
pub(crate) struct LightBox<'m> {
    machine: &'m Machine,
    state_file: PathBuf,
    /// Lines of the state file that belong to an earlier opening.
    seen: usize,
}

impl<'m> LightBox<'m> {
    /// The light box that writes its state to this file.
    pub(crate) fn new(machine: &'m Machine, state_file: PathBuf) -> Self {
        Self { machine, state_file, seen: 0 }
    }

    /// Forgets every state so far: the next one must come from what is opened now.
    pub(crate) fn forget(&mut self) {
        self.seen = std::fs::read_to_string(&self.state_file).map_or(0, |text| text.lines().count());
    }

    /// The last state written.
    pub(crate) fn state(&self) -> Result<Value> {
        let text = std::fs::read_to_string(&self.state_file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().skip(self.seen).collect();
        // The last line may be half written, and not every line is a state.
        let states = lines.into_iter().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        states
            .into_iter()
            .find(|line| line["event"] == "state")
            .context("the light box has written no state yet")
    }

    /// Waits until the state is as wanted.
    pub(crate) fn wait(&self, what: &str, seconds: u64, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        until(what, seconds, || {
            let state = self.state()?;
            if wanted(&state) { Ok(state) } else { bail!("its state is {state}") }
        })
    }

    /// Waits for the first image of the study that was opened last.
    pub(crate) fn wait_for_image(&self) -> Result<Value> {
        self.wait("the first image", 60, |state| {
            state["first_image_ms"].is_number() && active(state)["picture"] == true
        })
    }

    /// Titles of its windows, as task bars and other programs read them.
    pub(crate) fn titles(&self) -> Vec<String> {
        let title = |id: &String| self.machine.output("xdotool", &["getwindowname", id]).unwrap_or_default();
        self.windows().iter().map(|id| title(id).trim().to_owned()).collect()
    }

    /// The process that owns the window; the desk may run another one, which makes small pictures.
    pub(crate) fn process(&self) -> Result<u32> {
        let id = self.windows().pop().context("the light box has no window")?;
        Ok(self.machine.output("xdotool", &["getwindowpid", &id])?.trim().parse()?)
    }

    /// Closes the window as its title bar does, and waits until it is gone.
    pub(crate) fn close(&self) -> Result<()> {
        let id = self.focus()?;
        self.machine.output("xdotool", &["key", "--clearmodifiers", "alt+F4"])?;
        until("the window to close", 20, || {
            if self.windows().contains(&id) { bail!("it is open") } else { Ok(()) }
        })
    }

    /// Presses keys as a person does; names are X keysyms, `ctrl+k` with modifiers.
    pub(crate) fn key(&self, name: &str) -> Result<()> {
        self.focus()?;
        self.machine.output("xdotool", &["key", "--clearmodifiers", name])?;
        Ok(())
    }

    /// Drags from one place of the active cell to another, both as shares of its width and height.
    pub(crate) fn drag(&self, from: (f64, f64), to: (f64, f64)) -> Result<()> {
        let cell = self.active_cell()?;
        let at = |share: (f64, f64)| {
            (cell.x as f64 + cell.width as f64 * share.0, cell.y as f64 + cell.height as f64 * share.1)
        };
        self.drag_px(at(from), at(to))
    }

    /// Types a text into the field that has the focus.
    pub(crate) fn type_text(&self, text: &str) -> Result<()> {
        self.focus()?;
        self.machine.output("xdotool", &["type", "--delay", "40", text]).map(drop)
    }

    /// Draws through places of the active cell, given as shares of its width and height, and back to the first.
    pub(crate) fn trace(&self, through: &[(f64, f64)]) -> Result<()> {
        let id = self.focus()?;
        let cell = self.active_cell()?;
        let move_to = |share: (f64, f64)| {
            let x = format!("{:.0}", cell.x as f64 + cell.width as f64 * share.0);
            let y = format!("{:.0}", cell.y as f64 + cell.height as f64 * share.1);
            self.machine.output("xdotool", &["mousemove", "--window", &id, &x, &y]).map(drop)
        };
        let pause = Duration::from_millis(40);
        let first = *through.first().context("no way to draw")?;
        move_to(first)?;
        std::thread::sleep(pause * 4);
        self.machine.output("xdotool", &["mousedown", "1"])?;
        for pair in through.iter().zip(through.iter().skip(1).chain([&first])) {
            let (from, to) = pair;
            for step in 1..=6 {
                let part = f64::from(step) / 6.0;
                std::thread::sleep(pause);
                move_to((from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part))?;
            }
        }
        std::thread::sleep(pause * 8);
        self.machine.output("xdotool", &["mouseup", "1"]).map(drop)
    }

    /// Drags the first series of the strip at the left edge into a cell.
    pub(crate) fn drag_first_series(&self, cell: usize) -> Result<()> {
        let state = self.state()?;
        let number = |cell: usize, index: usize| state["cells"][cell]["rect_px"][index].as_f64();
        let place = || Some([number(cell, 0)?, number(cell, 1)?, number(cell, 2)?, number(cell, 3)?]);
        let [x, y, width, height] = place().with_context(|| format!("no cell {cell}: {state}"))?;
        let (left, top) = number(0, 0).zip(number(0, 1)).context("no cell")?;
        self.drag_px((left / 2.0, top + 50.0), (x + width / 2.0, y + height / 2.0))
    }

    fn drag_px(&self, from: (f64, f64), to: (f64, f64)) -> Result<()> {
        let id = self.focus()?;
        let move_to = |at: (f64, f64)| {
            let (x, y) = (format!("{:.0}", at.0), format!("{:.0}", at.1));
            self.machine.output("xdotool", &["mousemove", "--window", &id, &x, &y]).map(drop)
        };
        let (steps, pause) = (8, Duration::from_millis(40));
        move_to(from)?;
        std::thread::sleep(pause);
        self.machine.output("xdotool", &["mousedown", "1"])?;
        for step in 1..=steps {
            let share = f64::from(step) / f64::from(steps);
            std::thread::sleep(pause);
            move_to((from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share))?;
        }
        // What lies under the pointer is known when a frame has been drawn there.
        std::thread::sleep(pause * 8);
        self.machine.output("xdotool", &["mouseup", "1"])?;
        Ok(())
    }

    /// Turns the wheel over the middle of the active cell, away from the person.
    pub(crate) fn wheel(&self, clicks: usize) -> Result<()> {
        let id = self.focus()?;
        let cell = self.active_cell()?;
        let (x, y) = ((cell.x + cell.width / 2).to_string(), (cell.y + cell.height / 2).to_string());
        self.machine.output("xdotool", &["mousemove", "--window", &id, &x, &y])?;
        self.machine.output("xdotool", &["click", "--repeat", &clicks.to_string(), "--delay", "60", "5"])?;
        Ok(())
    }

    /// The picture of the active cell without its edges, where the overlays are; once two in a row are the same.
    pub(crate) fn picture(&self) -> Result<Picture> {
        let id = self.focus()?;
        let mut last: Option<Picture> = None;
        until("a still picture", 90, || {
            std::thread::sleep(Duration::from_millis(300));
            let cell = self.active_cell()?;
            let inner = Area {
                x: cell.x + cell.width * 3 / 20,
                y: cell.y + cell.height * 3 / 20,
                width: cell.width * 7 / 10,
                height: cell.height * 7 / 10,
            };
            let now = screen::capture_window(&self.machine.display, &id)?.crop(inner);
            let still = last.as_ref().is_some_and(|before| before.differs(&now, 0) == 0.0);
            last = Some(now.clone());
            if still { Ok(now) } else { bail!("the picture still changes") }
        })
    }

    /// The whole window, once it looks different from an earlier picture of it, and stands still.
    pub(crate) fn whole(&self, unlike: Option<&Picture>) -> Result<Picture> {
        let id = self.focus()?;
        let capture = || screen::capture_window(&self.machine.display, &id);
        until("another picture in the window", 90, || {
            let first = capture()?;
            std::thread::sleep(Duration::from_millis(300));
            let now = capture()?;
            ensure!(first.differs(&now, 0) == 0.0, "the picture still changes");
            let share = unlike.map_or(1.0, |before| before.differs(&now, 12));
            ensure!(share > 0.1, "the picture hardly changed: {:.2} % of its pixels", share * 100.0);
            Ok(now)
        })
    }

    /// The picture, when it shows an image; judged by its pixels.
    pub(crate) fn image(&self) -> Result<(Picture, Look)> {
        until("an image in the light box", 30, || {
            let picture = self.picture()?;
            let look = picture.look();
            look.must_show_an_image()?;
            Ok((picture, look))
        })
    }

    fn windows(&self) -> Vec<String> {
        let found = self.machine.output("xdotool", &["search", "--onlyvisible", "--class", CLASS]);
        found.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Gives the window the keyboard, waits until it has it, and returns its number.
    fn focus(&self) -> Result<String> {
        let id = until("the window of the light box", 30, || self.windows().pop().context("no such window"))?;
        self.machine.output("xdotool", &["windowactivate", &id])?;
        until("the focus", 10, || {
            let active = self.machine.output("xdotool", &["getactivewindow"])?;
            ensure!(active.trim() == id, "another window has it");
            Ok(())
        })?;
        Ok(id)
    }

    /// Place of the active cell in the window, in pixels.
    fn active_cell(&self) -> Result<Area> {
        let state = self.state()?;
        let rect = &active(&state)["rect_px"];
        let number = |index: usize| rect[index].as_f64().map(|v| v.max(0.0) as usize);
        let area = || Some(Area { x: number(0)?, y: number(1)?, width: number(2)?, height: number(3)? });
        area().with_context(|| format!("the active cell has no place: {state}"))
    }
}

/// The active cell of a state.
pub(crate) fn active(state: &Value) -> &Value {
    let index = state["active"].as_u64().unwrap_or(0) as usize;
    let cells = &state["cells"];
    if cells[index].is_null() { &cells[0] } else { &cells[index] }
}

/// The views that are shown.
pub(crate) fn views(state: &Value) -> Vec<&str> {
    state["cells"].as_array().into_iter().flatten().filter_map(|cell| cell["view"].as_str()).collect()
}
