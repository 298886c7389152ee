//! The imaging program as a child: started, greeted, written to, read from, and noticed when it ends.
//!
//! Messages go over its stdin and stdout (`medsight-link`). A thread writes and a thread reads, so nobody
//! else waits for a pipe. The key goes in the first message and nowhere else.

use medsight_link::{FromLightBox, Hello, ToLightBox, wire};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// A running imaging program. Dropping it ends the program in order.
pub(crate) struct Process {
    to: Sender<ToLightBox>,
}

/// The imaging program: beside this one.
pub(crate) fn program() -> Option<PathBuf> {
    let name = format!("medsight-imaging{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::current_exe().ok()?.parent()?.join(name);
    path.is_file().then_some(path)
}

impl Process {
    /// Starts the program and greets it. `heard` gets every message, and at the very end `None`.
    ///
    /// With `idle`, the program is told to quit when nothing was sent to it for so long.
    pub(crate) fn start(
        program: &Path,
        hello: Hello,
        idle: Option<Duration>,
        heard: impl Fn(Option<FromLightBox>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let mut child =
            Command::new(program).arg("--desk").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        let (to, next) = mpsc::channel();
        thread::Builder::new().name("to light box".into()).spawn(move || {
            loop {
                let message = match idle {
                    None => next.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    Some(idle) => next.recv_timeout(idle),
                };
                // A program that has died is noticed by the reading thread.
                let message = message.unwrap_or(ToLightBox::Quit);
                let last = matches!(message, ToLightBox::Quit);
                if wire::write_message(&mut stdin, &message).is_err() || last {
                    break;
                }
            }
        })?;
        thread::Builder::new().name("from light box".into()).spawn(move || {
            let mut from = BufReader::new(stdout);
            while let Ok(Some(message)) = wire::read_message(&mut from) {
                heard(Some(message));
            }
            // A program that says what nobody understands is ended like one that has died.
            let _ = child.kill();
            let _ = child.wait();
            heard(None);
        })?;
        let process = Self { to };
        process.send(ToLightBox::Hello(Box::new(hello)));
        Ok(process)
    }

    /// Says something. What is said to a program that has died is lost; its end is told by `heard`.
    pub(crate) fn send(&self, message: ToLightBox) {
        let _ = self.to.send(message);
    }
}
