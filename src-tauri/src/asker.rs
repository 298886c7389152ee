//! Who asked for something that takes long: pictures that are made, a file dialog that stands open. It is done in their name,
//! and only while they are still the one who is here, with the right that it needs.

use crate::desk::Desk;
use crate::problem::{Problem, SessionFault};
use crate::session::{self, Need};
use medsight_record::Right;
use std::path::PathBuf;
use std::sync::Arc;

/// A person who wants something written.
pub(crate) struct Asker {
    who: String,
    right: Right,
}

impl Asker {
    /// Whoever is here now; what needs the right has been let through already.
    pub(crate) fn of(desk: &Desk, right: Right) -> Self {
        Self { who: desk.who(), right }
    }

    /// Their account.
    pub(crate) fn who(&self) -> &str {
        &self.who
    }

    /// Asks them where to; `None` when they say nowhere.
    ///
    /// # Errors
    /// That of [`session::allowed`] when the desk was locked meanwhile, and [`SessionFault::Locked`] when somebody else is here.
    pub(crate) fn save_as(&self, desk: &Arc<Desk>, name: &str) -> Result<Option<PathBuf>, Problem> {
        let Some(path) = desk.save_as(name) else { return Ok(None) };
        session::allowed(desk, Need::Right(self.right))?;
        if desk.who() == self.who { Ok(Some(path)) } else { Err(SessionFault::Locked.into()) }
    }
}
