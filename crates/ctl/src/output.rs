//! Exit codes and the two forms of output: one JSON document, or text for people.

use medsight_record::Refusal;
use serde::Serialize;
use serde_json::json;
use std::io::{IsTerminal, Write};

/// How a command ended. The numbers are a contract with site scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the whole contract stands here; verbs use their part of it")]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Done, with something refused or failing: the document says what.
    Partly,
    /// Wrong usage.
    Usage,
    /// Not found.
    NotFound,
    /// No key, wrong key, keyring closed.
    Locked,
    /// Damaged data.
    Damaged,
    /// Peer unreachable.
    Unreachable,
    /// Not permitted.
    NotPermitted,
    /// A fault of the program.
    Fault,
}

impl Exit {
    /// The process exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Partly => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Locked => 4,
            Self::Damaged => 5,
            Self::Unreachable => 6,
            Self::NotPermitted => 7,
            Self::Fault => 70,
        }
    }
}

/// Where results and progress go.
pub(crate) struct Output {
    json: bool,
    terminal: bool,
}

impl Output {
    /// JSON or text; progress is shown only to a person.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, terminal: std::io::stderr().is_terminal() }
    }

    /// Whether a program reads the result.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints the result: the document with `--json`, else `text`.
    ///
    /// A reader that has gone away (`medsightctl … | head`) is no error.
    pub(crate) fn document<T: Serialize>(&self, document: &T, text: impl FnOnce(&T) -> String) {
        let stdout = std::io::stdout().lock();
        let mut stdout = std::io::BufWriter::new(stdout);
        let written = if self.json {
            serde_json::to_writer_pretty(&mut stdout, document).map_err(std::io::Error::from)
        } else {
            stdout.write_all(text(document).as_bytes())
        };
        let _gone = written.and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    }

    /// Tells why there is no result: `{"error": {code, reason}}` with `--json`, and a line for people.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        if self.json {
            let document = json!({"error": {"code": refusal.code, "reason": refusal.reason}});
            self.document(&document, |_| String::new());
        }
        self.note(&refusal.reason);
    }

    /// A line for people on standard error.
    pub(crate) fn note(&self, line: &str) {
        let _gone = writeln!(std::io::stderr(), "{line}");
    }

    /// Progress on one line of a terminal; nothing elsewhere. `total` 0 ends the line.
    pub(crate) fn progress(&self, what: &str, done: usize, total: usize) {
        if !self.terminal {
            return;
        }
        let mut stderr = std::io::stderr().lock();
        let _gone = if total == 0 {
            write!(stderr, "\r\x1b[K")
        } else {
            let filled = (done * 30).checked_div(total).unwrap_or(0).min(30);
            write!(stderr, "\r{what} [{}{}] {done}/{total}", "#".repeat(filled), " ".repeat(30 - filled))
        }
        .and_then(|()| stderr.flush());
    }
}

/// Panic hook: where it happened, never what was in hand, because that may name a patient.
pub(crate) fn report_fault(info: &std::panic::PanicHookInfo<'_>) {
    let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
    let _gone = writeln!(
        std::io::stderr(),
        "medsightctl: a fault of the program at {place}; please report it with this line"
    );
}
