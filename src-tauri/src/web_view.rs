//! What is set on the web view itself, not in its page: the checker of spelling of WebKitGTK.
//!
//! WebView2 and WKWebView check by the language of the page and have no such switch.

use crate::spelling::Speller;
use std::ffi::OsStr;
use tauri::AppHandle;

/// The checker, where the program has to tell it what to check by. `instance` names this desk among others of the account.
#[cfg(target_os = "linux")]
pub(crate) fn speller(app: &AppHandle, instance: &str) -> Option<Speller> {
    let app = app.clone();
    let choose = Box::new(move |tags: &[String]| linux::choose(&app, tags.to_vec()));
    Some(Speller { folder: linux::words_folder(instance), choose })
}

/// The checker, where the program has to tell it what to check by.
#[cfg(not(target_os = "linux"))]
pub(crate) fn speller(_app: &AppHandle, _instance: &str) -> Option<Speller> {
    None
}

/// Tells the checker's library where the program's words are. Before the first window: it reads this once.
pub(crate) fn prepare(instance: &str) {
    #[cfg(target_os = "linux")]
    if let Some(folder) = linux::words_folder(instance) {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        if made.is_ok() {
            // Without it words of the program are underlined; nothing else depends on it.
            let _told = webkit2gtk::glib::setenv(OsStr::new("ENCHANT_CONFIG_DIR"), folder.as_os_str(), true);
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use crate::app::WINDOW;
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::time::Duration;
    use tauri::{AppHandle, Manager as _};
    use webkit2gtk::{WebContextExt as _, WebViewExt as _};

    /// The window's thread answers at once unless it is about to end.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// In the account's runtime directory, which is in memory and of nobody else (XDG Base Directory Specification).
    pub(super) fn words_folder(instance: &str) -> Option<PathBuf> {
        let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|base| base.is_absolute());
        base.map(|base| base.join(format!("{instance}.spelling")))
    }

    pub(super) fn choose(app: &AppHandle, tags: Vec<String>) -> Option<String> {
        let (tell, told) = mpsc::channel();
        let window = app.get_webview_window(WINDOW)?;
        let set = window.with_webview(move |view| {
            let Some(context) = view.inner().context() else { return };
            context.set_spell_checking_enabled(true);
            let found = tags.into_iter().find(|tag| {
                context.set_spell_checking_languages(&[tag.as_str()]);
                // Those that it could load.
                !context.spell_checking_languages().is_empty()
            });
            let _gone = tell.send(found);
        });
        set.ok()?;
        told.recv_timeout(PATIENCE).ok().flatten()
    }
}
