//! The desk: started by a driver, asked for elements by their `data-testid`.

use crate::Programs;
use crate::http::{free_port, request};
use crate::machine::Machine;
use crate::process::{Owned, alive, running, signal, until};
use crate::xdnd;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The name that the WebDriver standard gives to the key of an element's reference (12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running desk. Dropping it ends the driver and the application.
pub(crate) struct Desk {
    driver: Owned,
    port: u16,
    session: String,
    program: PathBuf,
}

/// Something on the page.
pub(crate) struct Element(String);

impl Desk {
    /// Starts the application over a cache, as a person would, and waits for the worklist.
    pub(crate) fn start(
        machine: &Machine,
        programs: &Programs,
        cache: &Path,
        more: &[(&str, OsString)],
    ) -> Result<Self> {
        let desk = Self::launch(machine, programs, cache, more)?;
        desk.find("worklist", 30)?;
        Ok(desk)
    }

    /// Starts the application over a cache that may not open, and waits for nothing.
    pub(crate) fn launch(
        machine: &Machine,
        programs: &Programs,
        cache: &Path,
        more: &[(&str, OsString)],
    ) -> Result<Self> {
        let (port, native) = (free_port()?, free_port()?);
        let mut driver = machine.command(&programs.tauri_driver);
        driver.args(["--port", &port.to_string(), "--native-port", &native.to_string()]);
        driver.envs(more.iter().cloned());
        driver.stdout(std::fs::File::create(machine.logs().join("desk.log"))?);
        let driver = Owned::start(&mut driver, machine.logs(), "driver")?;
        let options = json!({"application": programs.desk, "args": ["--cache", cache]});
        let wanted = json!({"capabilities": {"alwaysMatch": {"tauri:options": options}}});
        until("the driver", 20, || request(port, "GET", "/status", None))?;
        let answer = request(port, "POST", "/session", Some(&wanted)).context("the desk did not start")?;
        let session = answer["sessionId"].as_str().context("no session")?.to_owned();
        Ok(Self { driver, port, session, program: programs.desk.clone() })
    }

    /// Closes the window as its title bar does, and waits until the program has ended.
    pub(crate) fn close_window(self, machine: &Machine) -> Result<()> {
        let id = self.process()?;
        self.come_to_front(machine)?;
        machine.output("xdotool", &["key", "--clearmodifiers", "alt+F4"])?;
        until("the desk to end", 20, || if alive(id) { bail!("it runs") } else { Ok(()) })
    }

    /// Puts the window before all others.
    pub(crate) fn come_to_front(&self, machine: &Machine) -> Result<()> {
        let windows = self.windows(machine)?;
        until("the window of the desk in front", 10, || {
            let active = machine.output("xdotool", &["getactivewindow"]).unwrap_or_default();
            if active.trim().parse().is_ok_and(|id| windows.contains(&id)) {
                return Ok(());
            }
            for window in &windows {
                machine.output("xdotool", &["windowactivate", &window.to_string()]).ok();
            }
            bail!("window {} is", active.trim())
        })
    }

    /// The desk's windows by their numbers, the ones inside included.
    pub(crate) fn windows(&self, machine: &Machine) -> Result<Vec<u32>> {
        let found = machine.output("xdotool", &["search", "--onlyvisible", "--class", "^medsight$"])?;
        Ok(found.lines().filter_map(|line| line.trim().parse().ok()).collect())
    }

    /// Drops files on the window, as from a file manager; `over` is called while they are held over it.
    pub(crate) fn drop_files(
        &self,
        machine: &Machine,
        files: &[&Path],
        over: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        xdnd::drop_files(&machine.display, &self.windows(machine)?, files, over)
    }

    /// Presses keys as a person does, with the window in front; names are X keysyms.
    pub(crate) fn key(&self, machine: &Machine, name: &str) -> Result<()> {
        self.come_to_front(machine)?;
        machine.output("xdotool", &["key", "--clearmodifiers", name]).map(drop)
    }

    /// Chooses one of the values of a list.
    pub(crate) fn choose(&self, test_id: &str, value: &str) -> Result<()> {
        let list = self.find(test_id, 10)?;
        let code = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))";
        let arguments = json!({"script": code, "args": [{ELEMENT: list.0}, value]});
        self.ask("POST", "/execute/sync", Some(&arguments)).map(drop)
    }

    /// Every text on the page that a person sees or hears, but for what is marked as being in a language of its own.
    pub(crate) fn texts(&self) -> Result<Vec<String>> {
        let code = "const out = new Set(); \
            for (const e of document.querySelectorAll('body *')) { \
              if (e.closest('[lang]:not(html)') || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue; \
              for (const n of e.childNodes) if (n.nodeType === 3) out.add(n.textContent); \
              for (const a of ['title', 'aria-label', 'placeholder']) out.add(e.getAttribute(a) ?? ''); } \
            return [...out].map((s) => s.replace(/\\s+/g, ' ').trim()).filter((s) => s.length > 0)";
        let found = self.ask("POST", "/execute/sync", Some(&json!({"script": code, "args": []})))?;
        let texts = found.as_array().context("no list of texts")?;
        Ok(texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
    }

    /// Runs a script in the page as one that was smuggled in would; its last argument is called with the answer.
    pub(crate) fn inject(&self, code: &str, arguments: &[&str]) -> Result<Value> {
        self.ask("POST", "/execute/async", Some(&json!({"script": code, "args": arguments})))
    }

    /// The process of the desk itself.
    pub(crate) fn process(&self) -> Result<u32> {
        running(self.driver.id(), &self.program).context("the desk does not run")
    }

    /// Kills the desk as a power cut would.
    pub(crate) fn kill(self) -> Result<()> {
        signal(self.process()?, "KILL")
    }

    /// Waits until an element is there and visible.
    pub(crate) fn find(&self, test_id: &str, seconds: u64) -> Result<Element> {
        until(&format!("`{test_id}`"), seconds, || {
            let element = self.all(test_id)?.into_iter().next().context("it is not on the page")?;
            let shown = self.ask("GET", &format!("/element/{}/displayed", element.0), None)?;
            ensure!(shown == Value::Bool(true), "it is not visible");
            Ok(element)
        })
    }

    /// Every element of this kind that is there now.
    pub(crate) fn all(&self, test_id: &str) -> Result<Vec<Element>> {
        self.all_css(&format!("[data-testid=\"{test_id}\"]"))
    }

    /// Every element that a CSS selector finds.
    pub(crate) fn all_css(&self, selector: &str) -> Result<Vec<Element>> {
        let found =
            self.ask("POST", "/elements", Some(&json!({"using": "css selector", "value": selector})))?;
        let list = found.as_array().context("no list of elements")?;
        Ok(list.iter().filter_map(|e| e[ELEMENT].as_str()).map(|id| Element(id.to_owned())).collect())
    }

    pub(crate) fn click(&self, element: &Element) -> Result<()> {
        self.ask("POST", &format!("/element/{}/click", element.0), Some(&json!({}))).map(drop)
    }

    /// All text in an element, in view or scrolled out of it.
    pub(crate) fn text(&self, element: &Element) -> Result<String> {
        let code = "return arguments[0].textContent.replace(/\\s+/g, ' ').trim()";
        let arguments = json!({"script": code, "args": [{ELEMENT: element.0}]});
        Ok(self.ask("POST", "/execute/sync", Some(&arguments))?.as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn attribute(&self, element: &Element, name: &str) -> Result<String> {
        let value = self.ask("GET", &format!("/element/{}/attribute/{name}", element.0), None)?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// A property of an element as it is now, such as the value of a field.
    pub(crate) fn property(&self, element: &Element, name: &str) -> Result<String> {
        let value = self.ask("GET", &format!("/element/{}/property/{name}", element.0), None)?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Empties a field and types into it.
    pub(crate) fn type_into(&self, element: &Element, text: &str) -> Result<()> {
        self.ask("POST", &format!("/element/{}/clear", element.0), Some(&json!({})))?;
        if !text.is_empty() {
            self.ask("POST", &format!("/element/{}/value", element.0), Some(&json!({"text": text})))?;
        }
        Ok(())
    }

    /// Texts of the rows that the worklist shows now.
    pub(crate) fn rows(&self) -> Result<Vec<String>> {
        self.all("worklist-row")?.iter().map(|row| self.text(row)).collect()
    }

    /// Waits for a number of rows in the worklist.
    pub(crate) fn wait_for_rows(&self, count: usize, seconds: u64) -> Result<()> {
        until(&format!("{count} rows"), seconds, || {
            let rows = self.all("worklist-row")?.len();
            if rows == count { Ok(()) } else { bail!("the worklist shows {rows} rows") }
        })
    }

    /// The row of the study whose text holds a word.
    pub(crate) fn row_with(&self, word: &str, seconds: u64) -> Result<Element> {
        until(&format!("a row with `{word}`"), seconds, || {
            let rows = self.all("worklist-row")?;
            let with = |row: &Element| self.text(row).is_ok_and(|text| text.contains(word));
            rows.into_iter().find(with).with_context(|| format!("no such row among {:?}", self.rows()))
        })
    }

    /// Selects the study whose row has a word, and waits until the panel shows it.
    pub(crate) fn select(&self, word: &str) -> Result<()> {
        self.click(&self.row_with(word, 20)?)?;
        until(&format!("the panel of `{word}`"), 10, || {
            let panel = self.text(&self.find("study-panel", 1)?)?;
            ensure!(panel.contains(word), "it shows {panel}");
            let button = self.find("open-study", 1)?;
            ensure!(self.attribute(&button, "disabled")?.is_empty(), "it is about to change");
            Ok(())
        })
    }

    /// The driver, above the desk in the tree of processes.
    pub(crate) fn family(&self) -> u32 {
        self.driver.id()
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        request(self.port, method, &format!("/session/{}{path}", self.session), body)
    }
}
