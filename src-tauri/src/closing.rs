//! The end of the window: it is asked to keep what is being written, and closes when that is done, when nobody answers, or
//! when it is asked a second time.

use crate::desk::{Desk, held};
use crate::dto::{CloseAnswer, DeskEvent};
use crate::problem::{Fault, Problem};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A window that does not answer for so long has nothing to keep any more.
const PATIENCE: Duration = Duration::from_secs(3);

/// How far the end of the window is.
#[derive(Default)]
pub(crate) struct Closing(Mutex<Step>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Step {
    /// Nobody wants to close it.
    #[default]
    Open,
    /// It was told, and has not answered.
    Asked,
    /// What is being written can't be kept: it stays, and the next time it goes.
    Stays,
}

/// Somebody wants to close the window. True: it may go at once.
pub(crate) fn asked(desk: &Arc<Desk>) -> bool {
    {
        let mut step = held(&desk.closing().0);
        if *step != Step::Open {
            return true;
        }
        *step = Step::Asked;
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

/// The window has kept what is being written, or can't: then it is told so in the words for it.
pub(crate) fn answered(desk: &Arc<Desk>, answer: CloseAnswer) -> Result<(), Problem> {
    {
        let mut step = held(&desk.closing().0);
        if !answer.kept {
            if *step == Step::Asked {
                *step = Step::Stays;
            }
            return Err(Fault::NotKept.into());
        }
        if *step != Step::Asked {
            return Ok(());
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
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_window_closes_when_what_is_written_is_kept_and_stays_once_when_it_can_not_be() {
        let folder = tempfile::tempdir().unwrap();
        let closed = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&closed);
        let close = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let desk = new_desk_with(folder.path(), Shell { close, ..shell(|_| None) });
        answered(&desk, CloseAnswer { kept: true }).unwrap();
        assert_eq!(closed.load(Ordering::SeqCst), 0, "nobody asked");
        assert!(!asked(&desk));
        let told = answered(&desk, CloseAnswer { kept: false }).unwrap_err();
        assert_eq!(told.code, "report.not-kept");
        assert_eq!(closed.load(Ordering::SeqCst), 0);
        assert!(asked(&desk), "the second time it goes");
        let other = tempfile::tempdir().unwrap();
        let count = Arc::clone(&closed);
        let close = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let desk = new_desk_with(other.path(), Shell { close, ..shell(|_| None) });
        assert!(!asked(&desk));
        answered(&desk, CloseAnswer { kept: true }).unwrap();
        assert_eq!(closed.load(Ordering::SeqCst), 1);
    }
}
