//! A whole file, its first frames.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| medsight_fuzz::decode(data));
