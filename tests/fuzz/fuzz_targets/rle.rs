//! One frame for one decoder.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| medsight_fuzz::decode_with("1.2.840.10008.1.2.5", data));
