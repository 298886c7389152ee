//! Peers written in Python: found, started once, and asked for one measurement at a time.

use crate::run;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running Python program: each line written to it starts one measurement, each line it prints is the answer.
pub(super) struct Peer {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Name and version, the first line it printed.
    pub(super) name: String,
}

impl Peer {
    /// Starts a script that needs a Python module. Says loudly that there is no peer, where there is none.
    pub(super) fn start(module: &str, script: &str, arguments: &[&std::ffi::OsStr]) -> Result<Option<Self>> {
        let Some(python) = python_with(module) else {
            println!(
                "PEER MISSING: no Python with `{module}`: set MEDSIGHT_PYTHON. Ours is measured alone: NO comparison."
            );
            return Ok(None);
        };
        let mut child = Command::new(python)
            .args(["-c", script])
            .args(arguments)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the peer could not be started")?;
        let ask = child.stdin.take().context("no stdin")?;
        let answers = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut peer = Self { child, ask, answers, name: String::new() };
        peer.name = peer.line()?;
        Ok(Some(peer))
    }

    /// One measurement, in milliseconds.
    pub(super) fn measure(&mut self) -> Result<f64> {
        writeln!(self.ask)?;
        self.ask.flush()?;
        let line = self.line()?;
        line.parse().with_context(|| format!("the peer said `{line}`"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the peer ended early");
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Ended by its own id; it has nothing to lose.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `MEDSIGHT_PYTHON`, the environment that the peers' page makes, or the system's: the first that has the module.
fn python_with(module: &str) -> Option<PathBuf> {
    let made = std::env::temp_dir().join("peers-venv/bin/python");
    let beside = run::peers().map(|folder| folder.join("venv/bin/python"));
    let named = std::env::var_os("MEDSIGHT_PYTHON").map(PathBuf::from);
    let system = Some(PathBuf::from("python3"));
    [named, Some(made), beside, system].into_iter().flatten().find(|python| {
        let mut import = Command::new(python);
        import.args(["-c", &format!("import {module}")]).stderr(Stdio::null()).stdout(Stdio::null());
        import.status().is_ok_and(|status| status.success())
    })
}
