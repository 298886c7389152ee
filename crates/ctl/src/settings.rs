//! The settings that hold for this account: the machine's policy over the fetched one over the person's differences, as the
//! desk has them.

use crate::files::path_text;
use medsight_cache::site_policy_file;
use medsight_record::{Refusal, Settings};
use medsight_sync::site_policy::kept_layer;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The settings of this person, where the desk keeps them.
pub(crate) fn person_settings() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        variable("APPDATA")
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))
    };
    base.map(|base| base.join("medsight/settings.toml"))
}

/// What holds, with the person's differences in `file`, which has to be there; without it those of the account, if any.
///
/// # Errors
/// `settings` with the file that cannot be used. No layer is left out: what a policy fixes would hold no longer.
pub(crate) fn in_force(file: Option<&Path>) -> Result<Settings, Refusal> {
    below(site_policy_file().as_deref(), file)
}

fn below(policy: Option<&Path>, file: Option<&Path>) -> Result<Settings, Refusal> {
    let refused = |path: &Path, why: String| Refusal::new("settings", format!("{}: {why}.", path_text(path)));
    let text = |path: &Path, may_be_absent: bool| match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if may_be_absent && error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(refused(path, error.to_string())),
    };
    let machine = policy.map_or_else(|| Ok(String::new()), |path| text(path, true))?;
    if let Some(policy) = policy {
        Settings::layered(&machine, "").map_err(|why| refused(policy, why.to_string()))?;
    }
    let Some(place) = file.map(Path::to_path_buf).or_else(person_settings) else {
        return Settings::layered(&machine, "").map_err(|why| Refusal::new("settings", format!("{why}.")));
    };
    let person = text(&place, file.is_none())?;
    let fetched = kept_layer(&place, &machine).map_err(|(kept, why)| refused(&kept, why.to_string()))?;
    Settings::with_fetched(&machine, &fetched, &person).map_err(|why| refused(&place, why.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    #[test]
    fn what_the_site_fixes_holds_here_too_and_a_policy_that_cannot_be_read_lets_nothing_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let (policy, person) = (folder.path().join("policy.toml"), folder.path().join("settings.toml"));
        std::fs::write(&person, "theme = \"light\"\ndensity = \"compact\"").unwrap();
        let of = || below(Some(&policy), Some(&person));
        let before = of().unwrap();
        std::fs::write(&policy, format!("[models]\nallow_hashes = [\"{}\"]", "ab".repeat(32))).unwrap();
        let settings = of().unwrap();
        assert_eq!(settings.models.allow_hashes, ["ab".repeat(32)]);
        assert_eq!((settings.theme, before.models.allow_hashes.len()), (before.theme, 0));
        std::fs::write(&policy, "[models]\nallow_hashes = [\"ab\"]").unwrap();
        let refused = of().unwrap_err();
        assert!(refused.reason.contains("policy.toml"), "{refused:?}");
        std::fs::remove_file(&policy).unwrap();
        // A kept policy counts only while the machine's names whose it is.
        std::fs::write(folder.path().join("site-policy.toml"), "theme = \"dark\"").unwrap();
        assert_eq!(of().unwrap().theme, before.theme);
        let key = "cd".repeat(32);
        let named = format!("[site_policy]\nurl = \"https://it.example/p\"\nkey = \"{key}\"");
        std::fs::write(&policy, named).unwrap();
        let refused = of().unwrap_err();
        assert!(refused.reason.contains("site-policy.toml"), "{refused:?}");
    }
}
