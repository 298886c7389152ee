//! The repository's rules, as code: who may use whom, what a file must open with, what may not be in one.
//!
//! Each rule reports all it finds; `tidy` fails when any rule found something.

mod codes;
mod edges;
mod files;
mod locales;

use crate::run;
use anyhow::{Context, Result, bail};

/// Checks every rule and prints each finding on a line of its own.
pub(crate) fn tidy() -> Result<()> {
    let mut found = Vec::new();
    let paths = tracked()?;
    files::check(&paths, &mut found);
    locales::check(&paths, &mut found)?;
    codes::check(&paths, &mut found)?;
    edges::check(&mut found)?;
    for line in &found {
        println!("  {line}");
    }
    if !found.is_empty() {
        bail!("{} findings", found.len());
    }
    println!("{} files follow the rules", paths.len());
    Ok(())
}

/// Every file of the repository: those git knows, and those it would take.
fn tracked() -> Result<Vec<String>> {
    let list =
        run::output("git ls-files --cached --others --exclude-standard").context("`git ls-files` failed")?;
    let exists = |path: &&str| run::root().join(path).is_file();
    let mut paths: Vec<String> = list.lines().filter(exists).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}
