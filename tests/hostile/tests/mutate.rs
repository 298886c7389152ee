//! The kept inputs with changed, lost, doubled and exchanged bytes: what fuzzing does without a compiler of its own,
//! a few hundred times for each target. `MEDSIGHT_MUTATE_SECONDS` makes it longer.

use medsight_hostile::{TARGETS, Target, check};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Inputs tried for each target when no time is given.
const ROUNDS: usize = 400;

/// Marsaglia's xorshift: the same inputs in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most.max(1)
    }
}

fn kept(target: Target) -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let folders = ["seeds", "regressions"].map(|kind| fuzz.join(kind).join(target.name));
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

fn mutated(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = inputs[random.below(inputs.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len());
        match random.below(7) {
            0 => data.truncate(at),
            1 if !data.is_empty() => data[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][random.below(6)],
            2 if !data.is_empty() => data[at] ^= 1 << random.below(8),
            3 if data.len() > at + 4 => {
                let number = [0, 1, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF_u32][random.below(6)];
                data[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            4 => {
                let part = data[at..(at + random.below(64)).min(data.len())].to_vec();
                data.splice(at..at, part);
            }
            5 => {
                let end = (at + random.below(64)).min(data.len());
                data.drain(at..end);
            }
            _ => {
                let other = &inputs[random.below(inputs.len())];
                let from = random.below(other.len());
                let part = &other[from..(from + random.below(200)).min(other.len())];
                data.splice(at..at, part.iter().copied());
            }
        }
    }
    data
}

/// One test, as memory is counted for the whole process.
#[test]
fn changed_inputs_break_nothing() {
    let seconds = std::env::var("MEDSIGHT_MUTATE_SECONDS").ok().and_then(|text| text.parse().ok());
    let only = std::env::var("MEDSIGHT_MUTATE_TARGET").ok();
    for target in TARGETS.into_iter().filter(|target| only.as_ref().is_none_or(|name| name == target.name)) {
        let (inputs, begun, mut random) = (kept(target), Instant::now(), Random(0x9E37_79B9_7F4A_7C15));
        let mut rounds = 0;
        let goes_on = |rounds| match seconds {
            Some(seconds) => begun.elapsed() < Duration::from_secs(seconds),
            None => rounds < ROUNDS,
        };
        while goes_on(rounds) {
            let data = mutated(&inputs, &mut random);
            let once = Instant::now();
            let panicked = catch_unwind(AssertUnwindSafe(|| check(target, &data))).is_err();
            if panicked || once.elapsed().as_secs() >= 5 {
                let place = std::env::temp_dir().join(format!("{}-{rounds}", target.name));
                std::fs::write(&place, &data).ok();
                panic!("{}: input {rounds}, kept in {}", target.name, place.display());
            }
            rounds += 1;
        }
        println!("{}: {rounds} inputs in {:.1} s", target.name, begun.elapsed().as_secs_f64());
    }
}
