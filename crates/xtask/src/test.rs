//! Everything that must hold before a change is accepted, cheap things first. Continuous integration runs the same.
//!
//! Everything is built with one set of features: separate cargo calls for single packages would compile what they share
//! once for each set.

use crate::run::{run, run_command, step, target_dir};
use crate::{codegen, demo, run, setup, tidy};
use anyhow::{Context, Result, bail};
use std::time::Instant;

/// Runs the whole gate; `end_to_end` adds the runs of the real application on a screen of its own.
pub(crate) fn test(end_to_end: bool) -> Result<()> {
    let begun = Instant::now();
    step("setup", || setup::setup(setup::Purpose::Test))?;
    step("tidy: the repository's rules", tidy::tidy)?;
    step("format", || run("cargo fmt --all --check"))?;
    step("cargo deny: licences, sources, bans, advisories", deny)?;
    step("front end: types and markup", || setup::npm("run check"))?;
    step("front end: tests", || setup::npm("test"))?;
    step("front end: known holes in what is shipped", audit)?;
    step("front end: build", || setup::npm("run build"))?;
    step("clippy, warnings are errors", || {
        run("cargo clippy --quiet --workspace --all-targets --locked -- --deny warnings")
    })?;
    step("tests (shaders and their CPU twins are among them)", || {
        let line = "cargo test --workspace --locked --no-fail-fast";
        run_command(run::command(line).envs(setup::peers()), line)
    })?;
    step("build the programs", demo::build_beside_tests)?;
    step("generated files are what the code says", || codegen::codegen(true))?;
    if end_to_end {
        step("end to end: the real application on a screen of its own", || end_to_end_runs(&[]))?;
    }
    println!("\nAll of it holds: {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// The real application on a screen of its own, as built last; with names of scenes, those alone.
pub(crate) fn end_to_end_runs(only: &[String]) -> Result<()> {
    let out = target_dir().join("e2e");
    let failed = medsight_e2e::suite(&demo::programs()?, &out, only)?;
    if failed > 0 {
        bail!("{failed} steps failed; screenshots and report.json are in {}", out.display());
    }
    Ok(())
}

/// The advisory database is fetched where that works; without it the rest is still checked, and that is said.
fn deny() -> Result<()> {
    let program = setup::tool("cargo-deny").context("cargo-deny is not installed")?;
    let check = |words: &str| {
        let mut command = run::command(&format!("{} --all-features {words}", program.display()));
        run_command(&mut command, &format!("cargo deny {words}"))
    };
    check("check --hide-inclusion-graph licenses bans sources")?;
    let fetched = run::command(&format!("{} fetch db", program.display())).output()?;
    if fetched.status.success() {
        return check("check --hide-inclusion-graph advisories");
    }
    println!("SKIPPED: advisories were NOT checked: the advisory database cannot be fetched from here");
    Ok(())
}

/// Only what is shipped: the build tools of the front end run on developers' machines.
fn audit() -> Result<()> {
    if setup::registry_answers() {
        let mut audit = run::command("npm audit --omit=dev --audit-level=moderate");
        let out = audit.current_dir(run::root().join("ui")).output()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let said = String::from_utf8_lossy(&out.stderr);
        print!("{text}");
        if out.status.success() {
            return Ok(());
        }
        // A mirror that has packages but no audit service is not a finding.
        if !said.contains("audit endpoint") && text.contains("vulnerabilit") {
            bail!("npm audit found holes in what is shipped");
        }
    }
    println!("SKIPPED: `npm audit` was NOT done: the registry does not answer it from here");
    Ok(())
}
