//! The window around the desk: Tauri, its plug-ins, and the order of start and end.

use crate::args::Args;
use crate::closing;
use crate::commands;
use crate::desk::{Desk, EVENT, Shell};
use crate::dto::DeskEvent;
use crate::settings::person_path;
use crate::web_view;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;
use tauri::{AppHandle, Emitter as _, Manager as _, RunEvent, WebviewUrl, WebviewWindowBuilder, WindowEvent};
use tauri_plugin_dialog::{DialogExt as _, FilePath};

/// Label of the one window; the capability file names it.
pub(crate) const WINDOW: &str = "worklist";

/// Runs the desk until its window is closed.
pub fn run(args: Args) -> anyhow::Result<()> {
    let instance = tauri_plugin_single_instance::Builder::new()
        .dbus_id(instance_name(&args))
        .callback(|app, words, folder| another_start(app, &words, &folder))
        .build();
    let name = instance_name(&args);
    web_view::prepare(&name);
    let app = tauri::Builder::default()
        .plugin(instance)
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(commands::handler())
        .setup(move |app| {
            let desk = Desk::new(args, person_path(), shell(app.handle(), &name));
            app.manage(Arc::clone(&desk));
            WebviewWindowBuilder::new(app, WINDOW, WebviewUrl::default())
                .title("MedSight")
                .inner_size(1440.0, 900.0)
                .min_inner_size(900.0, 560.0)
                .on_navigation(|url| matches!(url.scheme(), "tauri" | "http") && is_own(url.host_str()))
                .build()?;
            let closing = Arc::clone(&desk);
            if let Some(window) = app.get_webview_window(WINDOW) {
                window.on_window_event(move |event| {
                    if let WindowEvent::CloseRequested { api, .. } = event
                        && !closing::asked(&closing)
                    {
                        api.prevent_close();
                    }
                });
            }
            // The keyring may take its time; the window is there meanwhile.
            std::thread::Builder::new().name("start".into()).spawn(move || desk.start(false))?;
            Ok(())
        })
        .build(tauri::generate_context!())?;
    app.run(|app, event| {
        if matches!(event, RunEvent::Exit) {
            app.state::<Arc<Desk>>().end();
        }
    });
    Ok(())
}

/// `tauri://localhost`, or `http://tauri.localhost` on Windows: the window shows nothing else.
fn is_own(host: Option<&str>) -> bool {
    matches!(host, Some("localhost" | "tauri.localhost"))
}

/// One desk for each cache: a person may keep a second one, for teaching or for tests.
fn instance_name(args: &Args) -> String {
    let mut name = "org.medsight.desk".to_owned();
    if let Some(folder) = &args.cache {
        let mut hasher = DefaultHasher::new();
        std::path::absolute(folder).unwrap_or_else(|_| folder.clone()).hash(&mut hasher);
        name += &format!(".c{:016x}", hasher.finish());
    }
    name
}

/// The program was started a second time: the window comes to the front, and what was named is imported.
fn another_start(app: &AppHandle, words: &[String], folder: &str) {
    use clap::Parser as _;
    if let Some(window) = app.get_webview_window(WINDOW) {
        // A window manager that will not have it leaves the window where it is.
        let _ = window.unminimize();
        let _ = window.set_focus();
    }
    if let Ok(args) = Args::try_parse_from(words)
        && let Some(desk) = app.try_state::<Arc<Desk>>()
    {
        let paths = args.import.iter().map(|path| PathBuf::from(folder).join(path)).collect();
        if let Err(problem) = desk.importing().add(&desk, paths) {
            desk.tell(DeskEvent::Failure(problem));
        }
    }
}

fn shell(app: &AppHandle, name: &str) -> Shell {
    let (tell, choose, save, close) = (app.clone(), app.clone(), app.clone(), app.clone());
    // The address goes to the browser by its arguments: it holds no secret.
    let open_in_browser = Box::new(|url: &str| webbrowser::open(url).is_ok());
    Shell {
        tell: Box::new(move |event: DeskEvent| {
            // Before the window is there nobody listens; it asks for the state when it opens.
            let _ = tell.emit_to(WINDOW, EVENT, event);
        }),
        choose: Box::new(move |folder| {
            let dialog = choose.dialog().file();
            let chosen = if folder { dialog.blocking_pick_folders() } else { dialog.blocking_pick_files() };
            chosen.into_iter().flatten().filter_map(|path: FilePath| path.into_path().ok()).collect()
        }),
        save_as: Box::new(move |name| {
            save.dialog().file().set_file_name(name).blocking_save_file()?.into_path().ok()
        }),
        open_in_browser,
        speller: web_view::speller(app, name),
        close: Box::new(move || {
            // A window that is gone already has ended the program.
            if let Some(window) = close.get_webview_window(WINDOW) {
                let _ = window.destroy();
            }
        }),
    }
}
