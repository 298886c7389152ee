//! The light box and who is at the desk: hidden behind the lock, cleared for somebody else, restored for who comes back;
//! and what they do there, kept in their name if they may.

use super::LightBox;
use crate::desk::{Desk, held, now};
use crate::dto::{DeskEvent, Notice};
use crate::problem::{Problem, SessionFault};
use medsight_link::ToLightBox;
use medsight_record::{Command, RecordCommand, Right};
use std::sync::Arc;

impl LightBox {
    /// Hides everything on the light box, or shows it again.
    pub(crate) fn lock(&self, desk: &Arc<Desk>, is_locked: bool) {
        let mut inner = held(&self.inner);
        let changed = std::mem::replace(&mut inner.is_locked, is_locked) != is_locked;
        if let Some(process) = inner.process.as_ref().filter(|_| changed) {
            process.send(if is_locked { ToLightBox::Lock } else { ToLightBox::Unlock });
        }
        let show_again = changed && !is_locked && inner.process.is_none() && !inner.open.is_empty();
        drop(inner);
        // It died behind the lock, where nothing is started.
        if show_again {
            self.reopen_all(desk);
        }
    }

    /// Takes everything off the light box.
    pub(crate) fn close_all(&self, desk: &Arc<Desk>) {
        let open = held(&self.inner).open.clone();
        self.close(desk, &open);
    }

    /// Takes everything off the light box and remembers it for when this person is back.
    pub(crate) fn park(&self, desk: &Arc<Desk>, account: &str) {
        let open = held(&self.inner).open.clone();
        self.close(desk, &open);
        if !open.is_empty() {
            held(&self.inner).parked.insert(account.to_owned(), open);
        }
    }

    /// Opens what this person had open.
    pub(crate) fn unpark(&self, desk: &Arc<Desk>, account: &str) {
        let parked = held(&self.inner).parked.remove(account).unwrap_or_default();
        // What has gone meanwhile, or may not be seen any more, is not opened; the rest is.
        for study in parked.iter().filter(|_| desk.session().may(Right::See)) {
            let _ = self.open(desk, study);
        }
    }

    /// Keeps what a reader did, and only then says that it is saved.
    pub(super) fn record(&self, desk: &Arc<Desk>, sequence: u64, command: &RecordCommand) {
        let kept = may_record(desk, command)
            .and_then(|()| desk.cache())
            .and_then(|cache| cache.apply(command, &desk.who(), now()).map_err(Problem::from));
        let (answer, studies) = match kept {
            Ok(applied) => (ToLightBox::Saved { sequence }, applied.studies),
            Err(error) => (ToLightBox::NotSaved { sequence, reason: error.told(&desk.words()) }, Vec::new()),
        };
        let failed = matches!(answer, ToLightBox::NotSaved { .. });
        if let Some(process) = &held(&self.inner).process {
            process.send(answer);
        }
        if failed {
            desk.notify(Notice::NotSaved);
        }
        // How a study is laid out is nothing the worklist shows.
        if !matches!(command, RecordCommand::SaveSession(_)) {
            for study in studies {
                desk.tell(DeskEvent::StudyChanged { study_uid: study.to_string() });
            }
        }
    }
}

/// A gesture that ends behind the lock is that of the person whose session it is, and is kept; one of somebody without
/// the right is not. How a study is laid out is nobody's right.
fn may_record(desk: &Arc<Desk>, command: &RecordCommand) -> Result<(), Problem> {
    match Command::Record(command.clone()).right() {
        None | Some(Right::See) => Ok(()),
        Some(right) if desk.session().may(right) => Ok(()),
        Some(right) => Err(SessionFault::NoRight(right).into()),
    }
}
