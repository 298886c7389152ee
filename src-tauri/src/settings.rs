//! Settings on disk: the person's differences in a file of their own, the site's policy read only, and what was fetched of
//! it (`site_policy.rs`).

use crate::desk::Desk;
use crate::dto::{
    DeskEvent, DestinationForm, IdentityForm, ListenerForm, ModelsForm, NodeForm, SettingsView, SourceForm,
};
use crate::problem::{Fault, Problem};
use crate::session;
use crate::site_policy::Kept;
use medsight_audit::Action;
use medsight_cache::site_policy_file;
use medsight_record::destination::Destination;
use medsight_record::node::Node;
use medsight_record::settings::{Density, SettingChange, Settings, Theme};
use medsight_record::words::Locale;
use medsight_record::{Priority, Source};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The settings in use and where their differences are kept.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: Option<PathBuf>,
    pub(crate) settings: Settings,
    /// The policy of the machine.
    pub(crate) machine: String,
    /// The policy that was fetched.
    pub(crate) fetched: Kept,
    /// Where both layers were read, for reading them again.
    places: (Option<PathBuf>, Option<PathBuf>),
}

impl SettingsFile {
    /// Reads policy and differences. A file that can't be used leaves the defaults, and says why.
    pub(crate) fn read(path: Option<PathBuf>) -> (Self, Option<Problem>) {
        Self::read_below(site_policy_file(), path)
    }

    /// As [`SettingsFile::read`], with the policy of the machine at a place of its own.
    pub(crate) fn read_below(policy: Option<PathBuf>, path: Option<PathBuf>) -> (Self, Option<Problem>) {
        let text = |path: &Option<PathBuf>| match path.as_deref().map(std::fs::read_to_string) {
            None => Ok(String::new()),
            Some(Ok(text)) => Ok(text),
            Some(Err(e)) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Some(Err(e)) => Err(unreadable(path, &e.to_string())),
        };
        let layers = || -> Result<(Settings, String, Kept), Fault> {
            let (machine, person) = (text(&policy)?, text(&path)?);
            let fetched = Kept::read(path.as_deref(), &machine);
            let settings = Settings::with_fetched(&machine, &fetched.layer, &person).map_err(|e| {
                let by_site = Settings::layered(&machine, "").is_err();
                unreadable(if by_site { &policy } else { &path }, &e.to_string())
            })?;
            Ok((settings, machine, fetched))
        };
        let places = (policy.clone(), path.clone());
        match layers() {
            Ok((settings, machine, fetched)) => (Self { path, settings, machine, fetched, places }, None),
            // Nothing is written over a file that could not be read.
            Err(why) => {
                let (settings, machine, fetched) = (defaults(), String::new(), Kept::default());
                (Self { path: None, settings, machine, fetched, places }, Some(why.into()))
            }
        }
    }

    /// Reads all layers again: one of them changed on the disk.
    pub(crate) fn again(&self) -> (Self, Option<Problem>) {
        Self::read_below(self.places.0.clone(), self.places.1.clone())
    }

    /// The language in use: chosen, else the system's, else English.
    pub(crate) fn locale(&self) -> Locale {
        self.settings.locale.or_else(system_locale).unwrap_or_default()
    }

    fn write(&self) -> Result<(), Problem> {
        let Some(path) = &self.path else {
            return Err(Fault::NoSettingsFile.into());
        };
        let text = self.settings.differences()?;
        Ok(replace(path, &text).map_err(Fault::SettingsNotWritten)?)
    }
}

fn unreadable(file: &Option<PathBuf>, why: &str) -> Fault {
    Fault::SettingsUnreadable { file: file.clone().unwrap_or_default(), why: why.to_owned() }
}

/// Puts a file in place in one step, so that a crash leaves the old or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = path.with_extension("toml.part");
    let mut file = std::fs::File::create(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(part, path)
}

/// The built-in file is checked by the tests of `medsight-record`.
fn defaults() -> Settings {
    Settings::layered("", "").unwrap_or_else(|e| panic!("built-in settings: {e}"))
}

/// `settings.toml` under the platform's place for settings.
pub(crate) fn person_path() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        variable("APPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))
    };
    base.map(|base| base.join("medsight").join("settings.toml"))
}

/// Folders of a name beside the site's policy and beside the account's settings.
pub(crate) fn beside(person: Option<&Path>, name: &str) -> Vec<PathBuf> {
    let policy = site_policy_file();
    let files = [policy.as_deref(), person];
    files.into_iter().flatten().filter_map(|file| Some(file.parent()?.join(name))).collect()
}

fn system_locale() -> Option<Locale> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Locale::parse(&set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"))?)
}

/// Changes one setting, stores it, and tells window and light box. The answer is the change that takes it back.
pub(crate) fn change(desk: &Arc<Desk>, change: SettingChange) -> Result<SettingChange, Problem> {
    carry_names(desk, &change)?;
    let (back, stored) = {
        let mut file = desk.settings();
        let back = file.settings.change(change)?;
        (back, file.write())
    };
    noted(desk, &back);
    in_use(desk);
    stored.map(|()| back)
}

/// Settings are others now: everything that goes by them does.
pub(crate) fn in_use(desk: &Arc<Desk>) {
    desk.light_box().settings_changed(desk);
    desk.keep_to_quota();
    desk.listening().apply(desk);
    desk.syncing().apply(desk);
    desk.inbounding().apply(desk);
    desk.retrieving().settings_changed(desk);
    session::settings_changed(desk);
    desk.tell(DeskEvent::Settings(Box::new(desk.settings_view())));
}

/// Destinations that have another name from now on take along what was delivered and what waits. Nothing is sent meanwhile.
fn carry_names(desk: &Desk, change: &SettingChange) -> Result<(), Problem> {
    let SettingChange::Destinations(after) = change else { return Ok(()) };
    let names = {
        let settings = desk.settings().settings.clone();
        // What is refused carries nothing.
        settings.clone().change(change.clone())?;
        settings.renamed_destinations(after)
    };
    if names.is_empty() {
        return Ok(());
    }
    let cache = desk.cache()?;
    desk.syncing().end();
    desk.inbounding().end();
    Ok(cache.rename_destinations(&names)?)
}

/// A setting was changed that concerns all who use the workstation: in the audit trail with its name and, of lists, the
/// names of what came, went or is another now. Addresses and secrets are not in it.
fn noted(desk: &Desk, before: &SettingChange) {
    let after = desk.settings().settings.clone();
    let detail = match before {
        SettingChange::Destinations(before) => {
            let of = |one: &Destination| one.name.clone();
            json!({"setting": "destinations", "changed": differing(before, &after.destinations, of)})
        }
        SettingChange::Nodes(before) => {
            let of = |one: &Node| one.name.clone();
            json!({"setting": "nodes", "changed": differing(before, &after.nodes, of)})
        }
        SettingChange::Sources(before) => {
            let of = |one: &Source| one.name.clone();
            json!({"setting": "sources", "changed": differing(before, &after.sources, of)})
        }
        SettingChange::Listener(_)
        | SettingChange::Identity(_)
        | SettingChange::CacheQuotaGib(_)
        | SettingChange::Models(_) => json!({"setting": before.name()}),
        // A person's own: how the window looks.
        SettingChange::Locale(_)
        | SettingChange::Theme(_)
        | SettingChange::Density(_)
        | SettingChange::ScreenPxPerMm(_)
        | SettingChange::WorklistColumns(_) => return,
    };
    session::note(desk, Action::SettingChanged, detail);
}

/// Names of what is in one list and not, or otherwise, in the other.
fn differing<T: PartialEq>(before: &[T], after: &[T], name: impl Fn(&T) -> String) -> BTreeSet<String> {
    let gone = before.iter().filter(|one| !after.contains(one));
    gone.chain(after.iter().filter(|one| !before.contains(one))).map(name).collect()
}

impl Desk {
    /// Settings as the window shows them.
    pub(crate) fn settings_view(&self) -> SettingsView {
        let place = self.place();
        let file = self.settings();
        let settings = &file.settings;
        SettingsView {
            locale: file.locale().code().to_owned(),
            locale_from_system: settings.locale.is_none(),
            theme: match settings.theme {
                Theme::Dark => "dark",
                Theme::Light => "light",
            }
            .to_owned(),
            density: match settings.density {
                Density::Compact => "compact",
                Density::Regular => "regular",
                Density::Touch => "touch",
            }
            .to_owned(),
            cache_quota_gib: settings.cache_quota_gib,
            screen_px_per_mm: settings.screen_px_per_mm,
            worklist_columns: settings.worklist_columns.clone(),
            service_minutes: Priority::ALL
                .map(|one| (one.word().to_owned(), settings.service_times.minutes(one)))
                .into(),
            nodes: settings.nodes.iter().map(NodeForm::from).collect(),
            listener: ListenerForm::from(&settings.listener),
            identity: IdentityForm::from(&settings.identity),
            destinations: settings.destinations.iter().map(DestinationForm::from).collect(),
            sources: settings.sources.iter().map(SourceForm::from).collect(),
            models: ModelsForm::of(&settings.models, self.model_runs().refused()),
            site_policy: settings.site_policy.as_ref().map(|policy| file.fetched.view(policy)),
            locked: settings.locked().to_vec(),
            key_source: place.as_ref().map(|p| p.key_source_info()).unwrap_or_default(),
            cache_folder: place.map(|p| p.folder.display().to_string()).unwrap_or_default(),
            cache_bytes: self.cache_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_setting_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("medsight/settings.toml");
        let (mut file, why) = SettingsFile::read(Some(path.clone()));
        assert_eq!(why, None);
        file.settings.change(SettingChange::Theme(Theme::Light)).unwrap();
        file.write().unwrap();
        assert_eq!(SettingsFile::read(Some(path)).0.settings.theme, Theme::Light);
    }

    #[test]
    fn a_settings_file_that_can_not_be_read_is_named_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "theme = 7").unwrap();
        let (file, why) = SettingsFile::read(Some(path.clone()));
        assert!(why.unwrap().values["file"].contains("settings.toml"));
        assert!(file.write().is_err());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "theme = 7");
    }
}
