//! Rules about single files: openings, length, words that may not stay.

use crate::run;

/// Longer files must say in their header why they are one thing.
const LINES: usize = 400;

/// Words that name a promise instead of keeping it. Split here, so that this file passes its own rule.
const PROMISES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore")];

/// Folders that only one machine has.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/t", "mp/"),
    concat!("C:\\Us", "ers"),
];

/// The programs of the application, and what opens a socket for others in them: viewers that listen are found from
/// outside and read by anybody. The listener of `pacs` is for `medsightctl`, where a person asks for it, and for the one
/// file of the desk that obeys the setting. A sign-in waits for the browser on loopback, in one file.
const DO_NOT_LISTEN: &[&str] =
    &["src-tauri/", "crates/imaging/", "crates/viewport/", "crates/link/", "crates/sync/src/"];
const MAY_LISTEN: [&str; 1] = ["src-tauri/src/listening.rs"];
const LOOPBACK: &str = "crates/sync/src/sign_in/loopback.rs";
/// Tests of the desk (`*_journeys.rs`) may be the other system themselves, on loopback as well.
const JOURNEYS: &str = "_journeys.rs";
/// What is bound there: the two loopback addresses by their names, and nothing that comes in from outside.
const BOUND: [&str; 2] = ["bind((Ipv4Addr::LOCALHOST, ", "bind((Ipv6Addr::LOCALHOST, "];
const LISTENING: &[&str] = &["TcpListener", "UdpSocket", "UnixListener", "ListenSettings"];

const CODE: &[&str] = &["rs", "wgsl", "ts", "svelte", "css", "js", "mjs", "html"];
const TEXT: &[&str] = &["md", "toml", "json", "sh", "py", "yml", "yaml", "txt"];

/// Checks every file by its name and, where it is text, by what is in it.
pub(super) fn check(paths: &[String], found: &mut Vec<String>) {
    for path in paths {
        let extension = path.rsplit_once('.').map_or("", |(_, after)| after);
        let code = CODE.contains(&extension);
        let lock = path.ends_with("package-lock.json") || path.ends_with("Cargo.lock");
        if !code && !TEXT.contains(&extension) && !path.starts_with(".ci/") && !lock {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(run::root().join(path)) else {
            found.push(format!("{path}: not UTF-8"));
            continue;
        };
        if lock {
            lock_file(path, &text, found);
            continue;
        }
        opening(path, extension, &text, found);
        listening(path, &text, found);
        let generated = path.contains("/generated/");
        if code && !generated {
            length(path, &text, found);
        }
        for (number, line) in text.lines().enumerate() {
            let at = number + 1;
            if let Some(word) = PROMISES.iter().find(|word| line.contains(**word)) {
                found.push(format!("{path}:{at}: `{word}` may not stay"));
            }
            if let Some(folder) = MACHINE_PATHS.iter().find(|folder| line.contains(**folder)) {
                found.push(format!("{path}:{at}: `{folder}` is a path of one machine"));
            }
        }
    }
}

fn opening(path: &str, extension: &str, text: &str, found: &mut Vec<String>) {
    match extension {
        "rs" if !text.starts_with("//!") => found.push(format!("{path}: does not open with `//!`")),
        "wgsl" if !text.starts_with("//") => found.push(format!("{path}: does not open with a comment")),
        _ => {}
    }
}

fn listening(path: &str, text: &str, found: &mut Vec<String>) {
    if path == LOOPBACK || path.ends_with(JOURNEYS) {
        let bound: usize = BOUND.iter().map(|call| text.matches(call).count()).sum();
        if bound != text.matches("bind(").count() {
            found.push(format!("{path}: binds something else than the loopback addresses"));
        }
        return;
    }
    if !DO_NOT_LISTEN.iter().any(|folder| path.starts_with(folder))
        || !path.ends_with(".rs")
        || MAY_LISTEN.contains(&path)
    {
        return;
    }
    if let Some(word) = LISTENING.iter().find(|word| text.contains(**word)) {
        found.push(format!("{path}: `{word}` listens: see the invariants of ARCHITECTURE.md"));
    }
}

fn length(path: &str, text: &str, found: &mut Vec<String>) {
    let lines = text.lines().count();
    let header = text.lines().take(30).any(|line| line.contains("one thing"));
    if lines > LINES && !header {
        found.push(format!("{path}: {lines} lines, and the header does not say why it is one thing"));
    }
}

/// A lock file with download addresses ties the build to one server.
fn lock_file(path: &str, text: &str, found: &mut Vec<String>) {
    let crates_io = "registry+https://github.com/rust-lang/crates.io-index";
    for (number, line) in text.lines().enumerate() {
        let source = line.strip_prefix("source = \"").is_some_and(|s| s.trim_end_matches('"') != crates_io);
        if source || line.trim_start().starts_with("\"resolved\":") {
            found.push(format!("{path}:{}: a download address", number + 1));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_with_a_download_address_is_found() {
        let mut found = Vec::new();
        lock_file("package-lock.json", "{\n  \"resolved\": \"https://example.org/a.tgz\"\n}", &mut found);
        assert_eq!(found.len(), 1);
        lock_file(
            "Cargo.lock",
            "source = \"registry+https://github.com/rust-lang/crates.io-index\"",
            &mut found,
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_desk_that_listens_is_found_and_the_network_crate_may() {
        let mut found = Vec::new();
        listening("src-tauri/src/app.rs", "let l = TcpListener::bind(all)?;", &mut found);
        listening("crates/pacs/src/listen.rs", "let l = TcpListener::bind(one)?;", &mut found);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_sign_in_that_would_listen_to_the_network_is_found() {
        let mut found = Vec::new();
        listening(LOOPBACK, "TcpListener::bind((Ipv4Addr::LOCALHOST, port))", &mut found);
        listening("crates/sync/src/sign_in/flow.rs", "let l = Loopback::open(port)?;", &mut found);
        assert_eq!(found, Vec::<String>::new());
        listening(LOOPBACK, "TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))", &mut found);
        listening("crates/sync/src/sign_in/flow.rs", "TcpListener::bind(at)", &mut found);
        listening("src-tauri/src/order_journeys.rs", "TcpListener::bind((\"0.0.0.0\", 0))", &mut found);
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_long_file_passes_only_when_its_header_says_why() {
        let mut found = Vec::new();
        length("a.rs", &"x\n".repeat(401), &mut found);
        length("b.rs", &format!("//! A table: one thing.\n{}", "x\n".repeat(401)), &mut found);
        assert_eq!(found.len(), 1);
    }
}
