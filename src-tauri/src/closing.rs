//! The end of the window: it is asked to keep what is being written, and closes when that is done, when nobody answers, or
//! when it is asked a second time soon after it could not.

use crate::desk::{Desk, held};
use crate::dto::{CloseAnswer, CloseStep, DeskEvent};
use crate::problem::{Fault, Problem};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A window that says nothing for so long has nothing to keep any more; one that keeps for longer may be closed all the same
/// by who asks again.
const PATIENCE: Duration = Duration::from_secs(3);
/// Who asks again within this time after the window stayed wants it closed, whatever is lost. Later it is a new wish, and what
/// was typed meanwhile is to be kept.
const SOON: Duration = Duration::from_secs(30);

/// How far the end of the window is.
#[derive(Default)]
pub(crate) struct Closing(Mutex<Step>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Step {
    /// Nobody wants to close it.
    #[default]
    Open,
    /// It was told, and has said nothing.
    Asked,
    /// It keeps what is being written, since then: that is waited for.
    Keeping(Instant),
    /// What is being written can't be kept: it stays. When that was said.
    Stays(Instant),
}

/// Somebody wants to close the window. True: it may go at once.
pub(crate) fn asked(desk: &Arc<Desk>) -> bool {
    {
        let mut step = held(&desk.closing().0);
        match *step {
            // It is about to answer, or goes by itself.
            Step::Asked => return false,
            Step::Keeping(since) => return since.elapsed() > PATIENCE,
            Step::Stays(at) if at.elapsed() < SOON => return true,
            Step::Open | Step::Stays(_) => *step = Step::Asked,
        }
    }
    desk.tell(DeskEvent::Closing);
    let waiting = Arc::clone(desk);
    let waits = std::thread::Builder::new().name("closing".into()).spawn(move || {
        std::thread::sleep(PATIENCE);
        if *held(&waiting.closing().0) == Step::Asked {
            waiting.close_window();
        }
    });
    // Without a thread there is nobody to close it later.
    waits.is_err()
}

/// The window keeps what is being written, has kept it, or can't: then it is told so in the words for it.
pub(crate) fn answered(desk: &Arc<Desk>, answer: CloseAnswer) -> Result<(), Problem> {
    {
        let mut step = held(&desk.closing().0);
        if !matches!(*step, Step::Asked | Step::Keeping(_)) {
            return Ok(());
        }
        match answer.step {
            CloseStep::Keeping => {
                *step = Step::Keeping(Instant::now());
                return Ok(());
            }
            CloseStep::NotKept => {
                *step = Step::Stays(Instant::now());
                return Err(Fault::NotKept.into());
            }
            CloseStep::Kept => {}
        }
    }
    desk.close_window();
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::desk::Shell;
    use crate::support::{new_desk_with, shell};
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A desk, and how often its window was closed by the desk itself.
    fn begun(folder: &Path) -> (Arc<Desk>, Arc<AtomicU32>) {
        let closed = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&closed);
        let close = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        (new_desk_with(folder, Shell { close, ..shell(|_| None) }), closed)
    }

    fn says(desk: &Arc<Desk>, step: CloseStep) -> Result<(), Problem> {
        answered(desk, CloseAnswer { step })
    }

    #[test]
    fn a_window_closes_when_what_is_written_is_kept_and_never_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, closed) = begun(folder.path());
        says(&desk, CloseStep::Kept).unwrap();
        assert_eq!(closed.load(Ordering::SeqCst), 0, "nobody asked");
        assert!(!asked(&desk));
        says(&desk, CloseStep::Kept).unwrap();
        assert_eq!(closed.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_window_that_could_not_keep_goes_when_asked_again_soon_and_keeps_again_when_asked_hours_later() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, closed) = begun(folder.path());
        assert!(!asked(&desk));
        assert_eq!(says(&desk, CloseStep::NotKept).unwrap_err().code, "report.not-kept");
        assert_eq!(closed.load(Ordering::SeqCst), 0);
        assert!(asked(&desk), "the second time it goes");
        let long_ago = Instant::now().checked_sub(SOON).unwrap();
        *held(&desk.closing().0) = Step::Stays(long_ago);
        assert!(!asked(&desk), "what was typed meanwhile is to be kept");
        says(&desk, CloseStep::Kept).unwrap();
        assert_eq!(closed.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_save_that_takes_long_is_waited_for_until_somebody_asks_again() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, closed) = begun(folder.path());
        assert!(!asked(&desk));
        says(&desk, CloseStep::Keeping).unwrap();
        assert!(!asked(&desk), "a second click a moment later");
        std::thread::sleep(PATIENCE + Duration::from_millis(300));
        assert_eq!(closed.load(Ordering::SeqCst), 0, "the words are not on the disk yet");
        assert!(asked(&desk), "who asks again means it");
    }
}
