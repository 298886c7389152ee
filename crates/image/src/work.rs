//! What every tool that computes for longer than a moment is given, and why one refuses.
//!
//! Not here: threads. A tool runs on the thread that calls it (parts of it on rayon's), and asks only there.

/// How a long computation tells how far it is and asks whether it should go on.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    progress: &'a dyn Fn(f32),
    stop: &'a dyn Fn() -> bool,
    low: f32,
    high: f32,
}

impl<'a> Work<'a> {
    /// `progress` is told parts of the whole, `0.0..=1.0`; `stop` answers true when the result is not wanted
    /// any more. Both are called on the calling thread only, a few times a second.
    pub fn new(progress: &'a dyn Fn(f32), stop: &'a dyn Fn() -> bool) -> Self {
        Self { progress, stop, low: 0.0, high: 1.0 }
    }

    /// Tells nobody and is never stopped.
    pub fn silent() -> Work<'static> {
        Work { progress: &|_| {}, stop: &|| false, low: 0.0, high: 1.0 }
    }

    /// A step of this work that reaches from one part of it to another.
    #[must_use]
    pub fn part(&self, from: f32, to: f32) -> Self {
        let at = |part: f32| self.low + (self.high - self.low) * part;
        Self { low: at(from), high: at(to), ..*self }
    }

    /// Tells how far the work is.
    ///
    /// # Errors
    /// [`ToolError::Stopped`] when it should not go on.
    pub fn tell(&self, part: f32) -> Result<(), ToolError> {
        if (self.stop)() {
            return Err(ToolError::Stopped);
        }
        (self.progress)(self.low + (self.high - self.low) * part.clamp(0.0, 1.0));
        Ok(())
    }
}

/// Why a tool has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// Nobody wants the result any more.
    #[error("stopped")]
    Stopped,
    /// Distances in the volume would be wrong.
    #[error("the slice distances are uneven: make the volume even first")]
    Uneven,
    /// Thresholds in Hounsfield units mean nothing here.
    #[error("the values are in {found:?}; this needs Hounsfield units (Rescale Type HU, 0028,1054)")]
    NotHounsfield {
        /// The unit of the volume; empty when it has none.
        found: String,
    },
    /// A voxel or point is not in the volume.
    #[error("point {point} is outside of the volume")]
    Outside {
        /// Its place in the list that was given, from 0.
        point: usize,
    },
    /// No click says what is wanted.
    #[error("no click is inside of what is wanted")]
    NoSeed,
    /// A line needs two ends.
    #[error("{found} points were given, at least {least} are needed")]
    TooFew {
        /// Points given.
        found: usize,
        /// Points needed.
        least: usize,
    },
    /// The result would not fit.
    #[error("{what} is {found}, allowed: {allowed}")]
    OutOfRange {
        /// What was asked for, in words.
        what: &'static str,
        /// The figure given.
        found: f64,
        /// The range, in words.
        allowed: &'static str,
    },
    /// The structure is not in the volume.
    #[error("no {what} was found in the volume")]
    NothingFound {
        /// `body`, `lung`, `bone`.
        what: &'static str,
    },
    /// Two points have no connection.
    #[error("no way leads from point {from} to the next one")]
    NoPath {
        /// Place of the first of the two in the list that was given, from 0.
        from: usize,
    },
    /// Two volumes show different places.
    #[error("the volumes overlap by {percent:.0} % of the smaller one, {least:.0} % are needed")]
    NoOverlap {
        /// Part of the smaller volume that lies in the other one.
        percent: f64,
        /// What is needed.
        least: f64,
    },
    /// Two volumes have no common structure at any position that was tried.
    #[error("the volumes do not agree at any position: similarity {found:.3}, at least {least:.3} is needed")]
    NoAgreement {
        /// Normalised mutual information less 1.
        found: f64,
        /// What is needed.
        least: f64,
    },
}

impl ToolError {
    /// Stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Uneven => "uneven_spacing",
            Self::NotHounsfield { .. } => "not_hounsfield",
            Self::Outside { .. } => "outside",
            Self::NoSeed => "no_seed",
            Self::TooFew { .. } => "too_few",
            Self::OutOfRange { .. } => "out_of_range",
            Self::NothingFound { .. } => "nothing_found",
            Self::NoPath { .. } => "no_path",
            Self::NoOverlap { .. } => "no_overlap",
            Self::NoAgreement { .. } => "no_agreement",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_step_of_a_step_tells_its_part_of_the_whole_and_is_stopped_with_it() {
        let told = RefCell::new(Vec::new());
        let note = |part: f32| told.borrow_mut().push(part);
        let stop = || told.borrow().len() == 2;
        let work = Work::new(&note, &stop);
        let step = work.part(0.5, 1.0).part(0.0, 0.5);
        assert_eq!((step.tell(0.0), step.tell(1.0)), (Ok(()), Ok(())));
        assert_eq!(step.tell(1.0), Err(ToolError::Stopped));
        assert_eq!(*told.borrow(), [0.5, 0.75]);
    }
}
