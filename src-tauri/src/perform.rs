//! The one way in for what a person does on the desk: palette, keys, menus and buttons all send a [`Command`] here.
//!
//! What [`Command::undo_policy`] calls a step is remembered with the command that takes it back. What is undone
//! is itself done through the cache and the settings, so the audit trail has both.

use crate::desk::{Desk, held, now};
use crate::dto::{DeskEvent, Performed, WindowCommand};
use crate::problem::{Fault, Problem};
use crate::session::{self, Need};
use crate::{importing, prefetch, settings};
use medsight_base::StudyUid;
use medsight_record::report::Signature;
use medsight_record::settings::Theme;
use medsight_record::{
    Command, DeskCommand, ReadState, RecordCommand, Right, SettingChange, UndoPolicy, Work,
};
use std::sync::{Arc, Mutex};

/// Steps that can be taken back; older ones are forgotten.
const DEPTH: usize = 100;

/// Something that was done, and how it is taken back and done again.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    back: Command,
    again: Command,
}

/// What was done on the desk since it was started.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    done: Vec<Step>,
    undone: Vec<Step>,
}

impl Steps {
    /// Another person does not take back what this one did.
    pub(crate) fn forget_all(&self) {
        *held(&self.inner) = Inner::default();
    }
}

impl Inner {
    fn done(&mut self, step: Step) {
        self.done.push(step);
        if self.done.len() > DEPTH {
            self.done.remove(0);
        }
    }

    /// What was deleted can't be set back to another state.
    fn forget(&mut self, studies: &[StudyUid]) {
        let about = |step: &Step| matches!(&step.back, Command::Record(RecordCommand::SetReadState { study, .. }) if studies.contains(study));
        self.done.retain(|step| !about(step));
        self.undone.retain(|step| !about(step));
    }
}

/// Does what the window sent.
pub(crate) fn from_window(desk: &Arc<Desk>, command: WindowCommand) -> Result<Performed, Problem> {
    let opened = match &command {
        WindowCommand::OpenStudy { study_uid, next_uid } => {
            let next = next_uid.as_deref().map(StudyUid::parse).transpose()?;
            Some((StudyUid::parse(study_uid)?, next))
        }
        _ => None,
    };
    let performed = perform(desk, command.try_into()?)?;
    if let Some((study, next)) = opened {
        prefetch::opened(desk, &study, next);
    }
    Ok(performed)
}

/// Does a command, if the person may. The answer says whether undo takes it back.
pub(crate) fn perform(desk: &Arc<Desk>, command: Command) -> Result<Performed, Problem> {
    let id = command.id();
    may(desk, &command)?;
    let step = match command {
        Command::Desk(DeskCommand::Undo) => return undo(desk),
        Command::Desk(DeskCommand::Redo) => return redo(desk),
        command => {
            let is_step = command.undo_policy() == UndoPolicy::Step;
            let back = carry_out(desk, &command)?;
            back.filter(|back| is_step && *back != command).map(|back| Step { back, again: command })
        }
    };
    let undoable = step.is_some();
    if let Some(step) = step {
        let mut steps = held(&desk.steps().inner);
        steps.done(step);
        steps.undone.clear();
    }
    Ok(Performed { id, undoable, redoable: false })
}

/// To take back and to do again is to do: the right of the step itself is asked for too.
fn may(desk: &Arc<Desk>, command: &Command) -> Result<(), Problem> {
    let need = match command {
        // What was typed before the lock came is kept.
        Command::Record(RecordCommand::SaveReport(_)) => Need::Kept(Right::Report),
        command => command.right().map_or(Need::Somebody, Need::Right),
    };
    session::allowed(desk, need)
}

fn undo(desk: &Arc<Desk>) -> Result<Performed, Problem> {
    let step = held(&desk.steps().inner).done.pop().ok_or(Fault::NothingToUndo)?;
    may(desk, &step.back)?;
    // A step that can't be taken back any more is not offered a second time.
    carry_out(desk, &step.back)?;
    let id = step.again.id();
    held(&desk.steps().inner).undone.push(step);
    Ok(Performed { id, undoable: false, redoable: true })
}

fn redo(desk: &Arc<Desk>) -> Result<Performed, Problem> {
    let step = held(&desk.steps().inner).undone.pop().ok_or(Fault::NothingToRedo)?;
    may(desk, &step.again)?;
    carry_out(desk, &step.again)?;
    let id = step.again.id();
    held(&desk.steps().inner).done(step);
    Ok(Performed { id, undoable: true, redoable: false })
}

/// Does a command and answers with the one that takes it back, where there is one.
fn carry_out(desk: &Arc<Desk>, command: &Command) -> Result<Option<Command>, Problem> {
    match command {
        Command::Record(RecordCommand::SetReadState { study, state }) => {
            let before = set_read_state(desk, study, *state)?;
            let back = RecordCommand::SetReadState { study: study.clone(), state: before };
            Ok(Some(Command::Record(back)))
        }
        Command::Record(RecordCommand::DeleteStudies(studies)) => {
            delete(desk, studies)?;
            held(&desk.steps().inner).forget(studies);
            Ok(None)
        }
        Command::Record(
            record @ (RecordCommand::SetPriority { study, .. }
            | RecordCommand::Assign { study, .. }
            | RecordCommand::Claim { study, .. }
            | RecordCommand::Release(study)),
        ) => {
            let before = desk.cache()?.study(study)?.ok_or(Fault::StudyGone)?.work;
            desk.cache()?.apply(record, &desk.who(), now())?;
            tell_changed(desk, vec![study.clone()]);
            Ok(work_before(record, before).map(Command::Record))
        }
        // Reports have versions where other records have undo.
        Command::Record(
            record @ (RecordCommand::SaveReport(_)
            | RecordCommand::DiscardReport(_)
            | RecordCommand::TellCritical { .. }),
        ) => {
            let applied = desk.cache()?.apply(record, &desk.who(), now())?;
            tell_changed(desk, applied.studies);
            Ok(None)
        }
        Command::Record(RecordCommand::SignReport { report, act, base_version }) => {
            let signature = Signature { account: desk.who(), name: desk.session().name(), at: now() };
            let applied = desk.cache()?.sign_report(*report, act, *base_version, signature)?;
            tell_changed(desk, applied.studies);
            Ok(None)
        }
        Command::Desk(DeskCommand::ChangeSetting(change)) => {
            let back = settings::change(desk, change.clone())?;
            Ok(Some(Command::Desk(DeskCommand::ChangeSetting(back))))
        }
        Command::Desk(DeskCommand::ToggleTheme) => {
            let theme = desk.settings().settings.theme;
            let other = if theme == Theme::Dark { Theme::Light } else { Theme::Dark };
            settings::change(desk, SettingChange::Theme(other))?;
            // Light and dark are two: to toggle again is to take it back.
            Ok(Some(Command::Desk(DeskCommand::ChangeSetting(SettingChange::Theme(theme)))))
        }
        Command::Desk(DeskCommand::OpenStudy(study)) => {
            desk.light_box().open(desk, study)?;
            Ok(None)
        }
        Command::Desk(DeskCommand::CancelImport) => {
            importing::cancel(desk)?;
            Ok(None)
        }
        Command::Desk(DeskCommand::Lock) => {
            session::lock(desk, "person");
            Ok(None)
        }
        Command::Desk(DeskCommand::SignOut) => {
            session::sign_out(desk)?;
            Ok(None)
        }
        Command::Desk(DeskCommand::BreakGlass(reason)) => {
            session::break_glass(desk, reason)?;
            Ok(None)
        }
        // What the light box draws and looks at has its own history there; pages and dialogs are the window's.
        Command::View(_) | Command::Record(_) | Command::Desk(_) => {
            Err(Fault::BadRequest(format!("{} is not done here.", command.id())).into())
        }
    }
}

/// What takes a change of the work on a study back. Nobody's claim is given back to somebody who is not here.
fn work_before(command: &RecordCommand, before: Work) -> Option<RecordCommand> {
    match command {
        RecordCommand::SetPriority { study, .. } => {
            let priority = before.is_priority_set.then_some(before.priority);
            Some(RecordCommand::SetPriority { study: study.clone(), priority })
        }
        RecordCommand::Assign { study, .. } => {
            Some(RecordCommand::Assign { study: study.clone(), to: before.assigned_to })
        }
        RecordCommand::Claim { study, .. } => {
            before.claimed.is_none().then(|| RecordCommand::Release(study.clone()))
        }
        RecordCommand::Release(study) => {
            before.claimed.map(|_| RecordCommand::Claim { study: study.clone(), over: false })
        }
        _ => None,
    }
}

fn tell_changed(desk: &Arc<Desk>, studies: Vec<StudyUid>) {
    for study in studies {
        desk.tell(DeskEvent::StudyChanged { study_uid: study.to_string() });
    }
}

/// Sets how far the reading has come; answers with the state before.
fn set_read_state(desk: &Arc<Desk>, study: &StudyUid, state: ReadState) -> Result<ReadState, Problem> {
    let cache = desk.cache()?;
    let before = cache.study(study)?.ok_or(Fault::StudyGone)?.state;
    let command = RecordCommand::SetReadState { study: study.clone(), state };
    cache.apply(&command, &desk.who(), now())?;
    desk.tell(DeskEvent::StudyChanged { study_uid: study.to_string() });
    Ok(before)
}

/// Deletes studies from this computer; the person was asked before, by name.
fn delete(desk: &Arc<Desk>, studies: &[StudyUid]) -> Result<(), Problem> {
    // First, so that what was deleted does not come again.
    desk.retrieving().forget(desk, studies);
    desk.cache()?.apply(&RecordCommand::DeleteStudies(studies.to_vec()), &desk.who(), now())?;
    desk.light_box().close(desk, studies);
    desk.studies_changed();
    Ok(())
}
