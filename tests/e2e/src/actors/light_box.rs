//! The light box: its window, driven with real input, and the state it writes as JSON lines.

use crate::machine::Machine;
use crate::process::until;
use crate::screen::{self, Area, Look, Picture};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Words that the title of its window ends with.
const TITLE: &str = "MedSight light box|MedSight Light Box|medsight-imaging";

/// The light box of one machine.
pub(crate) struct LightBox<'m> {
    machine: &'m Machine,
    state_file: PathBuf,
}

impl<'m> LightBox<'m> {
    /// The light box that writes its state to this file.
    pub(crate) fn new(machine: &'m Machine, state_file: PathBuf) -> Self {
        Self { machine, state_file }
    }

    /// The last state written.
    pub(crate) fn state(&self) -> Result<Value> {
        let text =
            std::fs::read_to_string(&self.state_file).context("the light box has written no state yet")?;
        // The last line may be half written.
        let line = text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        line.context("the light box has written no state yet")
    }

    /// Waits until the state is as wanted.
    pub(crate) fn wait(&self, what: &str, seconds: u64, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        until(what, seconds, || {
            let state = self.state()?;
            if wanted(&state) { Ok(state) } else { bail!("its state is {state}") }
        })
    }

    /// The window's place on the screen.
    pub(crate) fn window(&self) -> Result<(String, Area)> {
        let id = until("the window of the light box", 30, || {
            let found = self.machine.output("xdotool", &["search", "--onlyvisible", "--name", TITLE])?;
            found.lines().next_back().map(str::to_owned).context("no such window")
        })?;
        let text = self.machine.output("xdotool", &["getwindowgeometry", "--shell", &id])?;
        let number = |name: &str| -> Result<usize> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            // A window may start left of the screen.
            Ok(line.context("xdotool gave no geometry")?.parse::<i64>()?.max(0) as usize)
        };
        let area =
            Area { x: number("X")?, y: number("Y")?, width: number("WIDTH")?, height: number("HEIGHT")? };
        Ok((id, area))
    }

    /// Gives the window the keyboard, and waits until it has it.
    pub(crate) fn focus(&self) -> Result<Area> {
        let (id, area) = self.window()?;
        self.machine.output("xdotool", &["windowactivate", &id])?;
        until("the focus", 10, || {
            let active = self.machine.output("xdotool", &["getactivewindow"])?;
            ensure!(active.trim() == id, "another window has it");
            Ok(())
        })?;
        Ok(area)
    }

    /// Presses keys as a person does; names are X keysyms, `ctrl+k` with modifiers.
    pub(crate) fn key(&self, name: &str) -> Result<()> {
        self.focus()?;
        self.machine.output("xdotool", &["key", "--clearmodifiers", name])?;
        Ok(())
    }

    /// Drags from one place to another, both as shares of the window's width and height.
    pub(crate) fn drag(&self, from: (f64, f64), to: (f64, f64)) -> Result<()> {
        let area = self.focus()?;
        let at = |share: (f64, f64)| {
            let x = area.x as f64 + area.width as f64 * share.0;
            let y = area.y as f64 + area.height as f64 * share.1;
            [format!("{x:.0}"), format!("{y:.0}")]
        };
        let steps = 8;
        let [x, y] = at(from);
        self.machine.output("xdotool", &["mousemove", &x, &y])?;
        self.machine.output("xdotool", &["mousedown", "1"])?;
        for step in 1..=steps {
            let share = f64::from(step) / f64::from(steps);
            let [x, y] = at((from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share));
            self.machine.output("xdotool", &["mousemove", &x, &y])?;
            std::thread::sleep(Duration::from_millis(25));
        }
        self.machine.output("xdotool", &["mouseup", "1"])?;
        Ok(())
    }

    /// Turns the wheel over the middle of the image.
    pub(crate) fn wheel(&self, clicks: usize) -> Result<()> {
        let area = self.focus()?;
        let (x, y) = (area.x + area.width / 2, area.y + area.height / 2);
        self.machine.output("xdotool", &["mousemove", &x.to_string(), &y.to_string()])?;
        self.machine.output("xdotool", &["click", "--repeat", &clicks.to_string(), "--delay", "60", "5"])?;
        Ok(())
    }

    /// The picture of the image area, once two pictures in a row are the same.
    pub(crate) fn picture(&self) -> Result<Picture> {
        let area = self.focus()?;
        let inner = Area {
            x: area.x + area.width / 5,
            y: area.y + area.height / 8,
            width: area.width * 11 / 20,
            height: area.height * 6 / 8,
        };
        let mut last: Option<Picture> = None;
        until("a still picture", 60, || {
            std::thread::sleep(Duration::from_millis(250));
            let now = screen::capture(&self.machine.display)?.crop(inner);
            let still = last.as_ref().is_some_and(|before| before.differs(&now, 0) == 0.0);
            last = Some(now.clone());
            if still { Ok(now) } else { bail!("the picture still changes") }
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
}
