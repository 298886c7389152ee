//! Import into the encrypted cache against copying the same files to the disk; reading back through decryption; and
//! the worklist query over 100,000 studies.

use super::{Case, ROUNDS, ct_300, ctl, warm};
use crate::run;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// What reading back must reach on one core, where the processor has AES.
const READ_BYTES_PER_SECOND: f64 = 1e9;
/// What the worklist query may take over 100,000 studies.
const QUERY_MS: f64 = 20.0;

/// Measures `cache import`, `cache read` and `cache worklist`.
pub(super) fn measure(cases: &mut Vec<Case>) -> Result<()> {
    let folder = ct_300()?;
    warm(&folder)?;
    let work = run::target_dir().join("bench/cache");
    std::fs::remove_dir_all(&work).ok();
    std::fs::create_dir_all(&work)?;
    let key = work.join("key");
    write_key(&key)?;
    let key = format!("file:{}", key.display());
    let (mut import, mut copied, mut read, mut target) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut query = Vec::new();
    for round in 0..ROUNDS {
        let cache = work.join(format!("cache{round}"));
        let begun = Instant::now();
        ctl(&[&"import", &folder, &"--cache", &cache, &"--key", &key])?;
        import.push(begun.elapsed().as_secs_f64() * 1e3);
        copied.push(copy(&folder, &work.join(format!("copy{round}")))?);

        let back = ctl(&[&"bench-internal", &"read-back", &"--cache", &cache, &"--key", &key])?;
        read.push(back["seconds"].as_f64().context("no seconds")? * 1e3);
        target.push(back["bytes"].as_f64().context("no bytes")? / READ_BYTES_PER_SECOND * 1e3);
        std::fs::remove_dir_all(&cache)?;
        std::fs::remove_dir_all(work.join(format!("copy{round}")))?;
    }
    let many = work.join("worklist");
    let document =
        ctl(&[&"bench-internal", &"worklist", &"--studies", &"100000", &"--cache", &many, &"--key", &key])?;
    for (name, ms) in document["queries_ms"].as_object().into_iter().flatten() {
        println!("cache worklist: {name} {ms} ms");
        query.push(ms.as_f64().unwrap_or(f64::NAN));
    }
    let slowest = query.iter().copied().fold(f64::NAN, f64::max);
    std::fs::remove_dir_all(&work)?;
    let case = |case: &str, ours_ms: Vec<f64>, peer_ms: Vec<f64>, peer: &str| Case {
        bench: "cache",
        case: case.into(),
        ours_ms,
        peer_ms,
        peer: peer.into(),
    };
    cases.push(case("import", import, copied, "cp -r and fsync (must be at least 0.5)"));
    cases.push(case("read", read, target, "1 GB/s on one core"));
    cases.push(case(
        "worklist",
        vec![slowest],
        vec![QUERY_MS],
        "20 ms, the slowest query over 100,000 studies",
    ));
    Ok(())
}

/// Copies as `cp -r` does and waits until each file and the folder are on the disk; milliseconds.
fn copy(from: &Path, to: &Path) -> Result<f64> {
    let begun = Instant::now();
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)?.flatten() {
        let mut file = std::fs::File::create(to.join(entry.file_name()))?;
        std::io::copy(&mut std::fs::File::open(entry.path())?, &mut file)?;
        file.sync_all()?;
    }
    std::fs::File::open(to)?.sync_all()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// A key of this benchmark's own: it protects a drawn phantom for a minute.
fn write_key(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut random = [0_u8; 32];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut random)?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{hex}")?;
    Ok(())
}
