//! See `tests/hostile`.
#![no_main]
use libfuzzer_sys::fuzz_target;
use medsight_hostile::{check, target};

fuzz_target!(|data: &[u8]| check(target("plans").expect("a target of this name"), data));
