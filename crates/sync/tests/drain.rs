//! A long queue drains to a real audit record repository with the memory of a short one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_record::destination::Destination;
use peers::bed::*;
use std::io::Write;
use std::time::Instant;

/// Resident memory at its highest so far, KiB (proc_pid_status(5)).
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The pages that the two connections of the records keep, the one that writes and the one that reads: 32 MiB each. A long
/// queue fills them, a longer one does not take more; an event that stayed in memory would be a kilobyte each.
const PAGES_KIB: u64 = 2 * 32 * 1024;

fn drain(count: u64) {
    let Some(peer) = peers::atna() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 700);
    let pki = peer.folder.join("pki");
    let file = |name: &str| pki.join(name).display().to_string();
    let text = format!(
        "name = \"repository\"\ntakes = [\"audit\"]\n[to]\nsystem = \"audit_repository\"\nhost = \"localhost\"\n\
         port = {}\n[to.tls]\nauthorities = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"",
        peer.port,
        file("ca.crt"),
        file("workstation.crt"),
        file("workstation.key"),
    );
    let destination: Destination = toml::from_str(&text).unwrap();
    let engine = engine(&cache, vec![destination], nothing());
    let study = study(700, 0);
    let queue = |count: u64| (0..count).for_each(|_| cache.opened(&study, "rita", now()).unwrap());
    // What a short queue takes, buffers and all.
    queue(3000);
    assert!(sweep(&engine)[0].trouble.is_none());
    let before = peak_kib();
    queue(count);
    let queued = peak_kib();
    let begun = Instant::now();
    let swept = sweep(&engine).remove(0);
    assert!(swept.trouble.is_none(), "{:?}", swept.trouble);
    assert!(swept.sent >= count);
    let (after, seconds) = (peak_kib(), begun.elapsed().as_secs_f64());
    let _unwritten = writeln!(
        std::io::stderr().lock(),
        "{count} events in {seconds:.1} s, {:.0} a second; memory {before} KiB, {queued} KiB when all wait, then {after} KiB",
        count as f64 / seconds
    );
    assert!(after < before + PAGES_KIB + 8 * 1024, "memory grew from {before} to {after} KiB");
}

#[test]
fn a_queue_of_thousands_takes_no_more_memory_than_a_short_one() {
    drain(5000);
}

#[test]
fn a_queue_of_a_hundred_thousand_takes_no_more_memory_than_a_short_one() {
    if std::env::var_os("MEDSIGHT_SLOW").is_none() {
        peers::skipped("100,000 events are each made durable first, which takes minutes (MEDSIGHT_SLOW=1)");
        return;
    }
    drain(100_000);
}
