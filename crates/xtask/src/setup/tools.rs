//! Programs out of cargo's registry that tests need, built once into the target folder.

use crate::run;
use anyhow::Result;
use std::path::PathBuf;

/// The minor series whose configuration `deny.toml` is written for.
pub(super) const CARGO_DENY: &str = "^0.20";

/// Installs a program, unless it is there already or in the search path.
pub(crate) fn install(name: &str, version: &str) -> Result<()> {
    if tool(name).is_some() {
        return Ok(());
    }
    println!("Building {name} (once)");
    let root = run::tools_dir();
    let mut command =
        run::command(&format!("cargo install --locked --quiet {name} --version {version} --root"));
    // Dependencies of tools are built apart, or each build of the project would throw away the other's.
    command.arg(&root).env("CARGO_TARGET_DIR", root.join("build")).env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run::run_command(&mut command, &format!("cargo install {name}"))?;
    // Only the program is wanted from now on.
    std::fs::remove_dir_all(root.join("build")).ok();
    Ok(())
}

/// Where a program is: in the target folder, else in the search path.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let own = run::tools_dir().join("bin").join(name);
    if own.is_file() {
        return Some(own);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
