//! The light box as the desk sees it: started when a study is opened, started again when it dies, and given
//! up when it dies too often. What a reader does there is kept here before it is called saved.

mod beside;
mod opening;
mod people;
mod proposals;

use crate::desk::{Desk, held, now};
use crate::documents;
use crate::dto::{DeskEvent, LightBoxState, Notice};
use crate::problem::{Fault, Problem};
use crate::process::{Process, program};
use crate::proposing;
use crate::session::{self, Need};
use crate::writing;
use medsight_base::StudyUid;
use medsight_link::{Arrival, FromLightBox, Hello, PROTOCOL, ToLightBox};
use medsight_record::{Right, ToWrite};
use opening::open_message;
use proposals::models_place;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// This many deaths…
const DEATHS: usize = 3;
/// …within this time are too many.
const WITHIN: Duration = Duration::from_secs(60);

/// The light box's process and what is open on it.
#[derive(Default)]
pub(crate) struct LightBox {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    process: Option<Process>,
    /// Counts starts, so that the end of an old process is not taken for that of the present one.
    run: u64,
    /// Studies in the order in which they were opened; the last is in front.
    open: Vec<StudyUid>,
    /// Other studies of the patient in the window of an open one.
    beside: HashMap<StudyUid, Vec<StudyUid>>,
    deaths: VecDeque<Instant>,
    state: LightBoxState,
    /// Everything is hidden.
    is_locked: bool,
    /// What the people had open who are not here now.
    parked: HashMap<String, Vec<StudyUid>>,
    /// The desk ends; nothing is started again.
    ending: bool,
}

impl Inner {
    /// Remembers a death; true when there were too many of late.
    fn died(&mut self, at: Instant) -> bool {
        self.deaths.push_back(at);
        while self.deaths.front().is_some_and(|first| at.duration_since(*first) > WITHIN) {
            self.deaths.pop_front();
        }
        self.deaths.len() >= DEATHS
    }
}

impl LightBox {
    pub(crate) fn state(&self) -> LightBoxState {
        held(&self.inner).state.clone()
    }

    /// Shows a study, in front. Starts the light box when it does not run.
    pub(crate) fn open(&self, desk: &Arc<Desk>, study: &StudyUid) -> Result<(), Problem> {
        let cache = desk.cache()?;
        desk.retrieving().opened(desk, study);
        let arriving = desk.retrieving().is_arriving(study);
        let message = open_message(&cache, study, arriving)?;
        let beside = beside::studies_of(&message);
        // Listed before the start: should the program die at once, the study is opened again with the others.
        {
            let mut inner = held(&self.inner);
            inner.open.retain(|open| open != study);
            inner.open.push(study.clone());
            inner.put_beside(study, &beside);
        }
        if let Err(error) = self.ensure(desk) {
            held(&self.inner).closed(study);
            return Err(error);
        }
        self.say(message);
        self.tell_proposals(desk, study);
        self.tell_others(desk, study);
        // The end may have come in between, when nobody knew yet that it is open.
        if arriving && !desk.retrieving().is_arriving(study) {
            self.arrived(desk, study, Arrival::Whole);
        }
        self.count_open(desk);
        // That the opening is not in the audit trail must not keep anybody from reading.
        for shown in std::iter::once(study).chain(&beside) {
            let _ = cache.opened(shown, &desk.who(), now());
        }
        Ok(())
    }

    /// Tells the light box something, if it runs.
    pub(crate) fn say(&self, message: ToLightBox) {
        if let Some(process) = &held(&self.inner).process {
            process.send(message);
        }
    }

    /// Whether a study is on the light box, in a window of its own or beside another.
    pub(crate) fn has_open(&self, study: &StudyUid) -> bool {
        held(&self.inner).shows(study)
    }

    /// Takes deleted studies off the light box.
    pub(crate) fn close(&self, desk: &Arc<Desk>, studies: &[StudyUid]) {
        let mut inner = held(&self.inner);
        for study in studies.iter().filter(|study| inner.shows(study)) {
            if let Some(process) = &inner.process {
                process.send(ToLightBox::Close(study.clone()));
            }
        }
        for study in studies {
            inner.closed(study);
            inner.beside.values_mut().for_each(|others| others.retain(|other| other != study));
        }
        drop(inner);
        self.count_open(desk);
    }

    /// The language or the size of the screen's pixels may have changed.
    pub(crate) fn settings_changed(&self, desk: &Arc<Desk>) {
        let file = desk.settings();
        let locale = file.locale().code().to_owned();
        let screen_px_per_mm = file.settings.screen_px_per_mm;
        let models = models_place(&file.settings);
        drop(file);
        if let Some(process) = &held(&self.inner).process {
            process.send(ToLightBox::Preferences { locale, screen_px_per_mm });
            if let Some(models) = models {
                process.send(ToLightBox::Models(models));
            }
        }
    }

    /// Forgets the deaths, so that a person can try again, and shows what was open.
    pub(crate) fn forgive(&self, desk: &Arc<Desk>) {
        held(&self.inner).deaths.clear();
        desk.dismiss_notice();
        self.reopen_all(desk);
    }

    /// Ends the light box in order.
    pub(crate) fn end(&self) {
        let mut inner = held(&self.inner);
        inner.ending = true;
        if let Some(process) = inner.process.take() {
            process.send(ToLightBox::Quit);
        }
    }

    /// Starts the process when there is none.
    pub(crate) fn ensure(&self, desk: &Arc<Desk>) -> Result<(), Problem> {
        let mut inner = held(&self.inner);
        if inner.process.is_some() {
            return Ok(());
        }
        inner.run += 1;
        let run = inner.run;
        let started = start(desk, None, {
            let desk = Arc::clone(desk);
            move |message| match message {
                Some(message) => desk.light_box().hear(&desk, message),
                None => desk.light_box().ended(&desk, run),
            }
        });
        let (state, result) = match started {
            Ok(process) => {
                inner.process = Some(process);
                (LightBoxState::Starting, Ok(()))
            }
            Err(error) => (LightBoxState::Failed(error.clone()), Err(error)),
        };
        inner.state = state.clone();
        drop(inner);
        desk.tell(DeskEvent::LightBox(state));
        result
    }

    fn hear(&self, desk: &Arc<Desk>, message: FromLightBox) {
        match message {
            FromLightBox::Ready { protocol, adapter } if protocol == PROTOCOL => {
                let mut inner = held(&self.inner);
                inner.state = LightBoxState::Ready { adapter, open: count(&inner.open) };
                let state = inner.state.clone();
                if let Some(process) = inner.process.as_ref().filter(|_| inner.is_locked) {
                    process.send(ToLightBox::Lock);
                }
                drop(inner);
                desk.tell(DeskEvent::LightBox(state));
                desk.model_runs().light_box_ready(desk);
            }
            FromLightBox::Ready { .. } => {
                let state = LightBoxState::Failed(Fault::ViewerVersions.into());
                let mut inner = held(&self.inner);
                inner.open.clear();
                inner.beside.clear();
                inner.process = None;
                inner.state = state.clone();
                drop(inner);
                desk.tell(DeskEvent::LightBox(state));
            }
            FromLightBox::Shown { study, first_image_ms } => {
                desk.tell(DeskEvent::StudyShown { study_uid: study.to_string(), first_image_ms });
            }
            FromLightBox::Visible { study, instance } => desk.retrieving().focus(&study, &instance),
            FromLightBox::Record { sequence, command } => self.record(desk, sequence, &command),
            FromLightBox::Closed(study) => {
                held(&self.inner).closed(&study);
                self.count_open(desk);
            }
            FromLightBox::ListOthers { study } => self.tell_others(desk, &study),
            FromLightBox::PutBeside { study, other } => self.put_beside(desk, study, &other),
            FromLightBox::TakenOff { study, other } => held(&self.inner).taken_off(&study, &other),
            FromLightBox::SaveDocument { study, instance } => {
                // The dialog waits for a person; what the light box says meanwhile is heard.
                let desk = Arc::clone(desk);
                std::thread::spawn(move || {
                    let may = session::allowed(&desk, Need::Right(Right::GiveOut));
                    if let Err(problem) = may.and_then(|()| documents::save(&desk, &study, &instance)) {
                        desk.tell(DeskEvent::Failure(problem));
                    }
                });
            }
            FromLightBox::Write { study, what } => {
                // A stack may have thousands of headers; drawing goes on meanwhile.
                let desk = Arc::clone(desk);
                std::thread::spawn(move || {
                    let may = session::allowed(&desk, Need::Right(Right::Annotate));
                    let made = may
                        .and_then(|()| writing::write(&desk, &study, &what))
                        .map_err(|problem| problem.told(&desk.words()));
                    let is_layer = made.as_ref().is_ok_and(|written| written.kind == "SEG");
                    if matches!(what, ToWrite::Proposal(_)) {
                        desk.light_box().tell_proposals(&desk, &study);
                    }
                    desk.light_box().answer(ToLightBox::Written { study: study.clone(), made });
                    if is_layer {
                        desk.light_box().layers_changed(&desk, &study);
                    }
                });
            }
            FromLightBox::DeleteWritten { study, series } => {
                let may = session::allowed(desk, Need::Right(Right::Annotate));
                let done = may.and_then(|()| writing::delete(desk, &study, &series));
                let failed = done.err().map(|problem| problem.told(&desk.words()));
                let is_gone = failed.is_none();
                self.answer(ToLightBox::Deleted { study: study.clone(), series, failed });
                if is_gone {
                    self.layers_changed(desk, &study);
                }
            }
            FromLightBox::Decide { study, what } => {
                let desk = Arc::clone(desk);
                std::thread::spawn(move || {
                    let done = |desk: &Arc<Desk>| proposing::decide(desk, &study, &what);
                    desk.light_box().settle_proposal(&desk, &study, &what.proposal, done);
                });
            }
            FromLightBox::Reopen { study, proposal } => {
                let done = |desk: &Arc<Desk>| proposing::reopen(desk, &study, &proposal);
                self.settle_proposal(desk, &study, &proposal, done);
            }
            FromLightBox::NotProposed { study: _, series, reason } => {
                desk.model_runs().not_proposed(&series, &reason);
            }
            FromLightBox::Input => desk.session().input(),
            FromLightBox::LockWanted => session::lock(desk, "person"),
            // A window may not have come up: the reader is told here.
            FromLightBox::Problem(why) => desk.tell(DeskEvent::Failure(Fault::ViewerProblem(why).into())),
            // Measurements are listed in the panel without being selected; pictures have a process of their own.
            FromLightBox::Selected(_) | FromLightBox::Thumbnail { .. } | FromLightBox::Picture { .. } => {}
        }
    }

    fn answer(&self, message: ToLightBox) {
        if let Some(process) = &held(&self.inner).process {
            process.send(message);
        }
    }

    /// The process has ended, in order or not.
    fn ended(&self, desk: &Arc<Desk>, run: u64) {
        let mut inner = held(&self.inner);
        if inner.run != run || inner.ending {
            return;
        }
        // Nothing is sent to a process that has ended, nor is its end reported twice.
        inner.process = None;
        if matches!(inner.state, LightBoxState::Failed(_)) {
            return;
        }
        if inner.open.is_empty() {
            inner.state = LightBoxState::Idle;
            drop(inner);
            desk.tell(DeskEvent::LightBox(LightBoxState::Idle));
            return;
        }
        if inner.died(Instant::now()) {
            let state = LightBoxState::Failed(Fault::ViewerGivenUp.into());
            inner.state = state.clone();
            drop(inner);
            desk.tell(DeskEvent::LightBox(state));
            desk.notify(Notice::LightBoxGivenUp);
            return;
        }
        let is_locked = inner.is_locked;
        drop(inner);
        if !is_locked {
            self.reopen_all(desk);
        }
        desk.notify(Notice::LightBoxEnded);
    }

    /// Shows what was open, in the same order, with measurements and layout as they were saved.
    fn reopen_all(&self, desk: &Arc<Desk>) {
        let studies = held(&self.inner).open.clone();
        for study in studies {
            // A study that has gone in the meantime is not opened; the others are.
            if self.open(desk, &study).is_err() {
                held(&self.inner).closed(&study);
            }
        }
    }

    fn count_open(&self, desk: &Arc<Desk>) {
        let mut inner = held(&self.inner);
        let now_open = count(&inner.open);
        if let LightBoxState::Ready { open, .. } = &mut inner.state {
            *open = now_open;
            let state = inner.state.clone();
            drop(inner);
            desk.tell(DeskEvent::LightBox(state));
        }
    }
}

fn count(open: &[StudyUid]) -> u32 {
    u32::try_from(open.len()).unwrap_or(u32::MAX)
}

/// Starts the imaging program with what it needs to read blobs.
pub(crate) fn start(
    desk: &Arc<Desk>,
    idle: Option<Duration>,
    heard: impl Fn(Option<FromLightBox>) + Send + 'static,
) -> Result<Process, Problem> {
    let cache = desk.cache()?;
    let hello = {
        let file = desk.settings();
        Hello {
            protocol: PROTOCOL,
            blob_root: cache.folder().join("blobs"),
            blob_key_hex: cache.blob_key().to_hex().to_string(),
            locale: file.locale().code().to_owned(),
            screen_px_per_mm: file.settings.screen_px_per_mm,
            models: models_place(&file.settings),
        }
    };
    let program = program().ok_or(Fault::ViewerNotThere)?;
    Ok(Process::start(&program, hello, idle, heard).map_err(Fault::ViewerRefused)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_deaths_in_a_minute_are_too_many_and_three_in_an_hour_are_not() {
        let begin = Instant::now();
        let mut inner = Inner::default();
        assert!(!inner.died(begin));
        assert!(!inner.died(begin + Duration::from_secs(10)));
        assert!(inner.died(begin + Duration::from_secs(59)));
        let mut inner = Inner::default();
        for minutes in 0..5 {
            assert!(!inner.died(begin + Duration::from_secs(minutes * 1200)));
        }
    }
}
