//! Independent readers of derived objects (highdicom, dcmjs), in the versions of `tests/peers`: kept in the target
//! folder and named to the tests by variables.
//!
//! Where their registries do not answer, nothing is compared and that is said: they are no part of the product.

use crate::run;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The variables under which `crates/dicom/tests/derived_peers.rs` looks for the peers that are there.
pub(crate) fn peers() -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    for (variable, install) in
        [("MEDSIGHT_PEER_PYTHON", highdicom as fn() -> Result<PathBuf>), ("MEDSIGHT_PEER_DCMJS", dcmjs)]
    {
        let named = std::env::var_os(variable).map(PathBuf::from);
        match named.map_or_else(install, Ok) {
            Ok(path) => found.push((variable, path)),
            Err(why) => println!("SKIPPED: the peer of {variable} is not here: {why:#}"),
        }
    }
    found
}

/// A Python with highdicom and pydicom.
fn highdicom() -> Result<PathBuf> {
    let folder = run::tools_dir().join("peers-python");
    let python = folder.join("bin/python");
    let wanted = run::root().join("tests/peers/requirements.txt");
    once(&folder, &wanted, || {
        if run::output("python3 -m ensurepip --version").is_none() {
            super::apt::add(&["python3-venv"])?;
        }
        let mut venv = run::command("python3 -m venv --clear");
        run::run_command(venv.arg(&folder), "python3 -m venv")?;
        let mut pip = std::process::Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        run::run_command(pip.arg(&wanted), "pip install highdicom")
    })?;
    Ok(python)
}

/// The folder of dcmjs.
fn dcmjs() -> Result<PathBuf> {
    let folder = run::tools_dir().join("peers-node");
    let from = run::root().join("tests/peers");
    once(&folder, &from.join("package-lock.json"), || {
        std::fs::create_dir_all(&folder)?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(from.join(file), folder.join(file))?;
        }
        let mut npm = super::node::npm_command("ci --no-audit --no-fund --prefer-offline --ignore-scripts");
        run::run_command(npm.current_dir(&folder), "npm ci (dcmjs)")
    })?;
    Ok(folder.join("node_modules/dcmjs"))
}

/// Does `install` unless it was done for the same contents of `wanted`.
fn once(folder: &Path, wanted: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let contents = std::fs::read(wanted).with_context(|| wanted.display().to_string())?;
    let stamp = folder.join("installed-for");
    if std::fs::read(&stamp).is_ok_and(|then| then == contents) {
        return Ok(());
    }
    install()?;
    std::fs::write(&stamp, contents).with_context(|| stamp.display().to_string())
}
