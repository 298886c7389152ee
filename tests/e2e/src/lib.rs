//! Drives the real application on a screen of its own and looks at what is shown.
//!
//! A run gets its own X server, window manager, message bus, keyring service and home folder, so that nothing of the
//! person's is touched and runs do not meet. The desk is driven through WebDriver, the light box with the mouse and the
//! keyboard; what is judged is the picture on the screen, and the light box's own state lines (`MEDSIGHT_STATE_FILE`).
//!
//! Not here: building (`xtask`), unit tests.

mod actors;
mod http;
mod language;
mod machine;
pub mod phantom;
mod process;
mod report;
mod scenes;
mod screen;
mod xdnd;

use anyhow::Result;
use std::path::{Path, PathBuf};

/// Where everything is that a run needs.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `medsight`.
    pub desk: PathBuf,
    /// `medsight-imaging`; the desk finds it beside itself.
    pub light_box: PathBuf,
    /// `medsightctl`.
    pub ctl: PathBuf,
    /// `tauri-driver`.
    pub tauri_driver: PathBuf,
    /// `assets/samples/studies`.
    pub samples: PathBuf,
    /// `assets/locales`.
    pub locales: PathBuf,
    /// `tests/corpus`.
    pub small_corpus: PathBuf,
}

/// The tour of the demonstration: what a person does on the first day. Leaves `report.json` and a screenshot a step in
/// `out`; returns how many steps failed.
///
/// # Errors
/// When the report itself cannot be written.
pub fn tour(programs: &Programs, out: &Path) -> Result<usize> {
    report::run(out, |report| scenes::tour::play(programs, report))
}

/// Something that is played from its beginning to its end on a machine of its own.
type Scene = fn(&Programs, &mut report::Report) -> Result<()>;

/// The scenes of [`suite`] by name, in their order.
const SCENES: [(&str, Scene); 12] = [
    ("tour", scenes::tour::play),
    ("desk", scenes::desk_day::play),
    ("writing", scenes::writing::play),
    ("models", scenes::models::play),
    ("arriving", scenes::arriving::play),
    ("reporting", scenes::reporting::play),
    ("servers", scenes::servers::play),
    ("sync", scenes::sync::play),
    ("identity", scenes::identity::play),
    ("troubles", scenes::troubles::play),
    ("priors", scenes::priors::play),
    ("survival", scenes::survival::play),
];

/// The tour, the desk by itself, what a reader writes as DICOM objects, a report from the claim to the addendum, a study
/// that is read while it arrives, servers that want a sign-in or send by themselves, what is sent to other systems, people who sign in, the screens of a
/// start that fails, a comparison with a prior, and then what must survive: closing the
/// window, a light box that crashes, a desk that is killed. With names in `only`, those alone.
///
/// # Errors
/// When a name is none of a scene, or the report itself cannot be written.
pub fn suite(programs: &Programs, out: &Path, only: &[String]) -> Result<usize> {
    if let Some(other) = only.iter().find(|name| !SCENES.iter().any(|(scene, _)| scene == name)) {
        anyhow::bail!("`{other}` is no scene; there are {}", SCENES.map(|(name, _)| name).join(", "));
    }
    let mut failed = 0;
    for (name, play) in SCENES {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            println!("{name}");
            failed += report::run(&out.join(name), |report| play(programs, report))?;
        }
    }
    Ok(failed)
}
