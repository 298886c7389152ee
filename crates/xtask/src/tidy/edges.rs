//! Which crate may use which: the table of ARCHITECTURE.md, and what may never reach the desk.
//!
//! A crate may use what the table names for it, and what those may use.

use crate::run;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;

/// The arrows of ARCHITECTURE.md. Crates that do not exist yet are in it, so that they start with the rule.
const MAY_USE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("image", &["base"]),
    ("record", &["base"]),
    ("vault", &["base"]),
    ("link", &["record", "base"]),
    ("dicom", &["record", "image"]),
    ("audit", &["record", "base"]),
    ("codec", &["dicom"]),
    ("cache", &["vault", "record", "audit"]),
    ("pacs", &["dicom"]),
    ("sync", &["cache", "audit", "record", "dicom", "pacs", "paper"]),
    ("paper", &["record", "base"]),
    ("gpu", &["base"]),
    ("render", &["gpu", "image"]),
    ("infer", &["gpu", "image", "record"]),
    ("viewport", &["render", "record", "image"]),
    ("imaging", &["viewport", "render", "infer", "link", "vault", "dicom", "codec"]),
    (
        "desk",
        &["cache", "sync", "audit", "record", "paper", "dicom", "pacs", "vault", "link", "base", "image"],
    ),
    ("xtask", &["e2e"]),
    ("e2e", &[]),
    ("hostile", &["base", "codec", "dicom", "infer", "pacs", "record"]),
];

/// May use everything but the desk.
const ALL_BUT_DESK: &str = "ctl";

/// What the desk must not contain, however far down: decoders, and the GPU; nor what other viewers were attacked
/// through: a program that replaces itself (ICSMA-25-051-01), and links that choose a server (ICSMA-26-176-02).
/// zune-jpeg is there, by krilla, which writes PDF: safe Rust, and called for a JPEG only, which `paper` never gives it.
const NOT_IN_DESK: &[&str] = &[
    "medsight-codec",
    "medsight-gpu",
    "medsight-render",
    "medsight-infer",
    "medsight-viewport",
    "medsight-imaging",
    "dicom-pixeldata",
    "openjp2",
    "openjpeg-sys",
    "jpeg2k",
    "charls",
    "charls-sys",
    "jpeg-decoder",
    "jpeg-encoder",
    "jxl-oxide",
    "wgpu",
    "naga",
    "burn",
    "tauri-plugin-updater",
    "tauri-plugin-deep-link",
];

/// Checks every edge of the workspace, who uses Tauri, and the desk's whole tree.
pub(super) fn check(found: &mut Vec<String>) -> Result<()> {
    let text = run::output("cargo metadata --format-version 1 --no-deps --offline")
        .context("`cargo metadata` failed")?;
    let metadata: Value = serde_json::from_str(&text)?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let user = short(package["name"].as_str().unwrap_or_default());
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["name"].as_str().unwrap_or_default();
            if is_tauri(name) && user != "desk" {
                found.push(format!("{user} uses {name}: only the desk knows Tauri"));
            }
            // A test may call what stands above: that ships nothing. The desk it may not.
            let in_test = dependency["kind"].as_str() == Some("dev") && short(name) != "desk";
            if !dependency["path"].is_null() && !in_test && !may_use(user, short(name)) {
                found.push(format!("{user} → {}: not in the table of ARCHITECTURE.md", short(name)));
            }
        }
    }
    desk_tree(found);
    Ok(())
}

/// Cargo's own answer for the desk alone: features of other programs do not count.
fn desk_tree(found: &mut Vec<String>) {
    let line = "cargo tree --package medsight-desk --edges normal --prefix none --format {p} --locked";
    let Some(tree) = run::output(line) else {
        found.push("`cargo tree` for medsight-desk failed".to_owned());
        return;
    };
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for name in NOT_IN_DESK.iter().filter(|name| names.contains(**name)) {
        found.push(format!("desk contains {name}: see the invariants of ARCHITECTURE.md"));
    }
}

fn short(name: &str) -> &str {
    name.strip_prefix("medsight-").unwrap_or(name)
}

fn is_tauri(name: &str) -> bool {
    name == "tauri" || name.starts_with("tauri-")
}

/// Whether `user` may use `used`: directly, or because something it may use may.
fn may_use(user: &str, used: &str) -> bool {
    if user == ALL_BUT_DESK {
        return !["desk", "xtask", "e2e", "hostile"].contains(&used);
    }
    let direct = MAY_USE.iter().find(|(name, _)| *name == user).map_or(&[][..], |(_, uses)| uses);
    direct.iter().any(|next| *next == used || may_use(next, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_desk_may_not_use_the_gpu_and_the_light_box_may_not_use_the_cache() {
        assert!(!may_use("desk", "gpu") && !may_use("desk", "codec") && !may_use("imaging", "cache"));
        assert!(may_use("imaging", "base") && may_use("ctl", "cache") && may_use("cache", "base"));
    }

    #[test]
    fn the_record_uses_nothing_but_base() {
        for (name, _) in MAY_USE.iter().filter(|(name, _)| *name != "base") {
            assert!(!may_use("record", name), "record → {name}");
        }
    }
}
