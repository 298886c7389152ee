//! What is computed in the background for a reader who waits for it: how far it is, and the way to end it. One at a time; what is asked for
//! later takes the place of what was asked for before. Not here: models (`model_run`), which have a queue of their own.

use medsight_image::ToolError;

use crate::light_box::{Effect, LightBox};

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// The centre line of a vessel.
    CenterLine,
    /// Where a prior lies in the current study.
    Alignment,
}

/// A computation that a reader waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// What.
    pub kind: JobKind,
    /// Tells answers to earlier questions apart.
    pub turn: u64,
    /// The part that is done, 0 to 1.
    pub part: f32,
    /// It was told to stop.
    pub is_stopping: bool,
}

impl LightBox {
    /// Asks for a computation, in the place of the one before.
    pub(crate) fn begin_job(&mut self, kind: JobKind) {
        self.break_off_job();
        self.turns += 1;
        self.job = Some(Job { kind, turn: self.turns, part: 0.0, is_stopping: false });
        self.effects.push(Effect::Compute(kind));
    }

    /// The reader does not want it any more, and waits for it to end.
    pub(crate) fn stop_job(&mut self) {
        if let Some(job) = self.job.as_mut().filter(|job| !job.is_stopping) {
            job.is_stopping = true;
            self.effects.push(Effect::StopComputing);
        }
    }

    /// What it was asked for is not there any more: its answer is none.
    pub fn break_off_job(&mut self) {
        if self.job.take().is_some() {
            self.effects.push(Effect::StopComputing);
        }
    }

    /// How far a computation is.
    pub fn job_at(&mut self, turn: u64, part: f32) {
        if let Some(job) = self.job.as_mut().filter(|job| job.turn == turn) {
            job.part = part;
        }
    }

    /// A computation has ended; its answer, unless that is to an earlier question, and why there is none.
    pub(crate) fn job_ended<T>(&mut self, turn: u64, found: Result<T, ToolError>) -> Option<T> {
        let job = self.job.take_if(|job| job.turn == turn)?;
        match found {
            Ok(found) if !job.is_stopping => Some(found),
            Ok(_) | Err(ToolError::Stopped) => {
                self.notice = Some(self.words.text("job.stopped").to_owned());
                None
            }
            Err(error) => {
                self.notice = Some(self.fault(job.kind, &error));
                None
            }
        }
    }

    /// The stacks whose volumes the job needs, the one that stays where it is first; `None` when one is gone.
    pub fn job_needs(&self) -> Option<Vec<usize>> {
        match self.job?.kind {
            JobKind::CenterLine => Some(vec![self.vessel()?.stack.find(&self.series)?]),
            JobKind::Alignment => self.alignment_needs(),
        }
    }

    /// A job that has not begun: why it never will; `None` when the reader has stopped it.
    pub fn job_failed(&mut self, turn: u64, why: Option<String>) {
        if self.job.take_if(|job| job.turn == turn).is_some() {
            self.notice = why.or_else(|| Some(self.words.text("job.stopped").to_owned()));
        }
    }

    /// Why a tool has no result, and what to do: in its own words, else in those that all tools share.
    pub(crate) fn fault(&self, kind: JobKind, error: &ToolError) -> String {
        let code = error.code();
        let own = match kind {
            JobKind::CenterLine => format!("vessel_fault.{code}"),
            JobKind::Alignment => format!("align_fault.{code}"),
        };
        let key = if self.words.text(&own) == own { format!("tool_fault.{code}") } else { own };
        let whole = |value: f64| self.words.number(value, 0);
        match error {
            ToolError::Outside { point } => self.words.fill(&key, &[("point", &(point + 1).to_string())]),
            ToolError::NoPath { from } => {
                let (from, to) = ((from + 1).to_string(), (from + 2).to_string());
                self.words.fill(&key, &[("from", &from), ("to", &to)])
            }
            ToolError::NoOverlap { percent, least } => {
                self.words.fill(&key, &[("percent", &whole(*percent)), ("least", &whole(*least))])
            }
            _ => self.words.text(&key).to_owned(),
        }
    }
}
