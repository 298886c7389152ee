//! The desk without its window: cache, settings, import, light box, and what is told to the window.
//!
//! It knows no Tauri: how to reach the window and how to ask for files come in as [`Shell`].

mod parts;

use crate::args::Args;
use crate::closing::Closing;
use crate::dto::{
    DeskEvent, DeskState, ImportState, ListenerState, Notice, SessionView, StartState, SyncBadge, Trouble,
    TroubleKind,
};
use crate::forms::Forms;
use crate::importing::Importing;
use crate::inbound::Inbounding;
use crate::light_box::LightBox;
use crate::listening::Listening;
use crate::model_runs::ModelRuns;
use crate::network::Asking;
use crate::perform::Steps;
use crate::problem::{Fault, Problem};
use crate::retrieving::Retrieving;
use crate::session::{self, Session};
use crate::settings::{self, SettingsFile};
use crate::site_policy::SitePolicies;
use crate::spelling::{self, Speller};
use crate::start::{self, Place};
use crate::syncing::{self, Syncing};
use crate::thumbnails::Thumbnailer;
use medsight_base::Timestamp;
use medsight_cache::Cache;
use medsight_record::destination::Kind;
use medsight_record::words::Words;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Name of the event the window listens to.
pub const EVENT: &str = "desk";

/// Asks the person where a file is to be written, with a name to begin with; `None` when nothing was chosen.
pub type SaveAs = Box<dyn Fn(&str) -> Option<PathBuf> + Send + Sync>;

/// What the desk needs of the program around it.
pub struct Shell {
    /// Tells the window something.
    pub tell: Box<dyn Fn(DeskEvent) + Send + Sync>,
    /// Asks the person for a folder (`true`) or files (`false`); empty when nothing was chosen.
    pub choose: Box<dyn Fn(bool) -> Vec<PathBuf> + Send + Sync>,
    /// Asks the person where a file is to be written, with a name to begin with.
    pub save_as: SaveAs,
    /// Opens an address of a sign-in server in the system's browser; false when there is none.
    pub open_in_browser: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// The web view's checker of spelling, where the program has to tell it what to check by.
    pub speller: Option<Speller>,
    /// Closes the window for good, which ends the program.
    pub close: Box<dyn Fn() + Send + Sync>,
}

/// The desk.
pub struct Desk {
    args: Args,
    settings_path: Option<PathBuf>,
    shell: Shell,
    opening: Mutex<()>,
    start: Mutex<StartState>,
    place: Mutex<Option<Place>>,
    cache: Mutex<Option<Arc<Cache>>>,
    cache_bytes: AtomicU64,
    settings: Mutex<SettingsFile>,
    settings_fault: Mutex<Option<Problem>>,
    notice: Mutex<Option<Notice>>,
    light_box: LightBox,
    thumbnailer: Thumbnailer,
    importing: Importing,
    retrieving: Retrieving,
    listening: Listening,
    syncing: Syncing,
    inbounding: Inbounding,
    model_runs: ModelRuns,
    site_policies: SitePolicies,
    asking: Asking,
    steps: Steps,
    session: Session,
    forms: Forms,
    closing: Closing,
}

/// A panic elsewhere leaves plain values behind these locks, each complete.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(std::time::SystemTime::now())
}

impl Desk {
    /// A desk that has not opened its cache yet. `settings_path`: the person's settings, if the account has a
    /// place for them.
    pub fn new(args: Args, settings_path: Option<PathBuf>, shell: Shell) -> Arc<Self> {
        let (settings, fault) = SettingsFile::read(settings_path.clone());
        let session = Session::new(&settings.settings.identity);
        let forms = Forms::new(settings::beside(settings_path.as_deref(), crate::forms::FOLDER));
        Arc::new(Self {
            session,
            forms,
            closing: Closing::default(),
            importing: Importing::new(args.import.clone()),
            args,
            settings_path,
            shell,
            opening: Mutex::default(),
            start: Mutex::new(StartState::Opening),
            place: Mutex::default(),
            cache: Mutex::default(),
            cache_bytes: AtomicU64::new(0),
            settings: Mutex::new(settings),
            settings_fault: Mutex::new(fault),
            notice: Mutex::default(),
            light_box: LightBox::default(),
            thumbnailer: Thumbnailer::default(),
            asking: Asking::default(),
            retrieving: Retrieving::default(),
            listening: Listening::default(),
            syncing: Syncing::default(),
            inbounding: Inbounding::default(),
            model_runs: ModelRuns::default(),
            site_policies: SitePolicies::default(),
            steps: Steps::default(),
        })
    }

    /// Opens the cache, unless it is open. `again`: a person pressed the button, so dialogs may open.
    pub fn start(self: &Arc<Self>, again: bool) -> StartState {
        let _one_at_a_time = held(&self.opening);
        let before = held(&self.start).clone();
        if matches!(before, StartState::Ready { .. }) {
            return before;
        }
        self.set_start(StartState::Opening);
        if again {
            let (settings, fault) = SettingsFile::read(self.settings_path.clone());
            *held(&self.settings) = settings;
            *held(&self.settings_fault) = fault;
            session::settings_changed(self);
        }
        self.forms.read();
        let state = match held(&self.settings_fault).clone() {
            Some(problem) => StartState::Trouble(Trouble {
                kind: TroubleKind::Settings,
                problem,
                cache_folder: self.place().map(|p| p.folder.display().to_string()).unwrap_or_default(),
            }),
            None => {
                let ask = matches!(&before, StartState::Trouble(t) if again && start::dialog_helps(t.kind));
                self.open_cache(ask)
            }
        };
        self.set_start(state.clone());
        if matches!(state, StartState::Ready { .. }) {
            self.tell(DeskEvent::Settings(Box::new(self.settings_view())));
            session::started(self);
            self.importing().begin(self);
            // Before the retrievals: some of them go on by it.
            self.listening().apply(self);
            self.syncing().apply(self);
            self.inbounding().apply(self);
            self.site_policies.begin(self);
            self.retrieving().begin(self);
        }
        state
    }

    fn open_cache(&self, ask: bool) -> StartState {
        let place = match Place::find(&self.args) {
            Ok(place) => place,
            Err(trouble) => return StartState::Trouble(trouble),
        };
        *held(&self.place) = Some(place.clone());
        match place.open(ask) {
            Ok((cache, first_run)) => {
                let identity = self.settings().settings.identity.clone();
                self.session.remember(&cache, &identity);
                *held(&self.cache) = Some(Arc::new(cache));
                self.count_bytes();
                self.purge_audit();
                StartState::Ready { first_run }
            }
            Err(error) => StartState::Trouble(place.trouble(&error)),
        }
    }

    fn set_start(&self, state: StartState) {
        *held(&self.start) = state.clone();
        self.tell(DeskEvent::Start(state));
    }

    /// Ends the programs that this one has started. Imports and retrievals are cut off as by a
    /// crash: the next start goes on with them.
    pub fn end(&self) {
        self.session.end();
        spelling::end(self, held(&self.cache).as_deref());
        self.retrieving.end();
        self.listening.end();
        self.syncing.end();
        self.inbounding.end();
        self.site_policies.end();
        self.light_box.end();
        self.thumbnailer.end();
    }

    /// What the window draws first.
    pub(crate) fn state(&self) -> DeskState {
        // What names studies or files is for who is there, and not for who looks at a lock.
        let is_open = self.session.is_open();
        DeskState {
            start: held(&self.start).clone(),
            session: self.session_view(),
            settings: self.settings_view(),
            light_box: self.light_box.state(),
            import: if is_open { self.importing.state() } else { ImportState::Idle },
            retrievals: if is_open { self.retrieving.rows() } else { Vec::new() },
            listener: if is_open { self.listening.state() } else { ListenerState::Off },
            sync: if is_open { syncing::badge(self) } else { SyncBadge::default() },
            notice: *held(&self.notice),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The open cache.
    pub(crate) fn cache(&self) -> Result<Arc<Cache>, Problem> {
        held(&self.cache).clone().ok_or_else(|| Fault::NotReady.into())
    }

    pub(crate) fn place(&self) -> Option<Place> {
        held(&self.place).clone()
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, SettingsFile> {
        held(&self.settings)
    }

    /// The words of the language in use.
    pub(crate) fn words(&self) -> Words {
        Words::new(self.settings().locale())
    }

    pub(crate) fn light_box(&self) -> &LightBox {
        &self.light_box
    }

    pub(crate) fn thumbnailer(&self) -> &Thumbnailer {
        &self.thumbnailer
    }

    pub(crate) fn speller(&self) -> Option<&Speller> {
        self.shell.speller.as_ref()
    }

    /// Closes the window, which ends the program.
    pub(crate) fn close_window(&self) {
        (self.shell.close)();
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn session_view(&self) -> SessionView {
        let identity = self.settings().settings.identity.clone();
        self.session.view(&identity)
    }

    /// In whose name records are changed: who is signed in.
    pub(crate) fn who(&self) -> String {
        self.session.account()
    }

    /// Tells the window. Behind the lock only what is not about studies: who comes back reads the state anew.
    pub(crate) fn tell(&self, event: DeskEvent) {
        if event.is_for_everybody() || self.session.is_open() {
            (self.shell.tell)(event);
        }
    }

    pub(crate) fn open_in_browser(&self, url: &str) -> bool {
        (self.shell.open_in_browser)(url)
    }

    pub(crate) fn choose(&self, folder: bool) -> Vec<PathBuf> {
        (self.shell.choose)(folder)
    }

    pub(crate) fn save_as(&self, name: &str) -> Option<PathBuf> {
        (self.shell.save_as)(name)
    }

    pub(crate) fn notify(&self, notice: Notice) {
        *held(&self.notice) = Some(notice);
        self.tell(DeskEvent::Notice(notice));
    }

    pub(crate) fn dismiss_notice(&self) {
        *held(&self.notice) = None;
    }

    pub(crate) fn cache_bytes(&self) -> u64 {
        self.cache_bytes.load(Ordering::Relaxed)
    }

    /// As if the cache held so much: a test has no gigabytes.
    #[cfg(test)]
    pub(crate) fn pretend_bytes(&self, bytes: u64) {
        self.cache_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Counts what the cache holds, for the status bar.
    pub(crate) fn count_bytes(&self) {
        if let Ok(usage) = self.cache().and_then(|cache| cache.usage().map_err(Problem::from)) {
            self.cache_bytes.store(usage.bytes, Ordering::Relaxed);
        }
    }

    /// Studies came or went: counts again, keeps to the quota, tells the window.
    pub(crate) fn studies_changed(&self) {
        self.count_bytes();
        self.keep_to_quota();
        self.tell(DeskEvent::WorklistChanged);
        self.tell(DeskEvent::Settings(Box::new(self.settings_view())));
    }

    /// Whether so much more, in bytes, stays below the quota.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        let quota_bytes = u64::from(self.settings().settings.cache_quota_gib) << 30;
        quota_bytes == 0 || self.cache_bytes() + bytes < quota_bytes
    }

    /// Takes away audit events that are older than the site keeps them and that every destination has. A failure leaves
    /// them, and the next start tries again.
    fn purge_audit(&self) {
        let settings = self.settings().settings.clone();
        let takes = settings.destinations.iter().filter(|to| to.takes.contains(&Kind::Audit));
        let names: Vec<&str> = takes.map(|to| to.name.as_str()).collect();
        if let Ok(cache) = self.cache() {
            let _stays = cache.purge_audit(settings.audit_years, &names, "medsight", now());
        }
    }

    /// Makes room when more is held than the person wants; what is nowhere else stays whatever the quota.
    pub(crate) fn keep_to_quota(&self) {
        let quota_bytes = u64::from(self.settings().settings.cache_quota_gib) << 30;
        if quota_bytes == 0 || self.cache_bytes() <= quota_bytes {
            return;
        }
        // A failure leaves more than wanted and loses nothing; the next change tries again.
        if let Ok(cache) = self.cache()
            && cache.evict_to(quota_bytes, &self.who(), now()).is_ok()
        {
            self.count_bytes();
        }
    }
}
