//! What a fuzz target does with one input, and what must hold for any input whatever it is.
//!
//! The targets of `tests/fuzz` are these functions and nothing else, and `tests/replay.rs` runs them over every input
//! that is kept, with the stable compiler. So an input that was found once is a test for ever.
//!
//! Each entry panics when what it reads breaks a promise; [`check`] holds memory too, and who calls it the time. Not here: what is read
//! is right. That is for the crates' own tests.

mod derived;
mod frame;
mod models;
mod network;
mod object;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What reading may allocate at once: this many times the input…
const TIMES_INPUT: usize = 4;
/// …and this many bytes more.
const AND_BYTES: usize = 64 << 20;

/// One kind of input, and what is done with it.
#[derive(Clone, Copy)]
pub struct Target {
    /// As in `fuzz_targets/`, `seeds/` and `regressions/`.
    pub name: &'static str,
    run: fn(&[u8]),
}

const RLE: &str = "1.2.840.10008.1.2.5";
const NATIVE: [&str; 4] =
    ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1"];
const JPEG: [&str; 4] =
    ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"];
const JPEG_LS: [&str; 4] =
    ["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"];
const JPEG_2000: [&str; 4] = [
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.203",
];
const JPEG_XL: [&str; 4] = [
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.4.110",
];

/// All targets.
pub const TARGETS: [Target; 20] = [
    Target { name: "open_file", run: object::open_file },
    Target { name: "dicomdir", run: object::dicomdir },
    Target { name: "geometry", run: object::geometry },
    Target { name: "deidentify", run: object::deidentify_file },
    Target { name: "decode_file", run: frame::decode },
    Target { name: "rle", run: |data| frame::decode_with([RLE; 4], data) },
    Target { name: "jpeg", run: |data| frame::decode_with(JPEG, data) },
    Target { name: "jpegls", run: |data| frame::decode_with(JPEG_LS, data) },
    Target { name: "jpeg2000", run: |data| frame::decode_with(JPEG_2000, data) },
    Target { name: "jpegxl", run: |data| frame::decode_with(JPEG_XL, data) },
    Target { name: "native", run: |data| frame::decode_with(NATIVE, data) },
    Target { name: "seg", run: derived::segmentation },
    Target { name: "sr", run: derived::report },
    Target { name: "presentation", run: derived::presentation },
    Target { name: "derived", run: derived::others },
    Target { name: "pdu", run: network::pdu },
    Target { name: "multipart", run: network::multipart },
    Target { name: "weights", run: models::weights },
    Target { name: "plans", run: models::plans },
    Target { name: "bundle", run: models::bundle },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Runs one input.
///
/// # Panics
/// When a promise is broken: the target's own, or that no more than four times the input and 64 MiB are allocated.
/// Memory is counted for the whole process, so one input at a time.
pub fn check(target: Target, data: &[u8]) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    (target.run)(data);
    let most = MEMORY.peak_usage().saturating_sub(before);
    assert!(
        most <= data.len() * TIMES_INPUT + AND_BYTES,
        "{} bytes of input made {} allocate {most} bytes",
        data.len(),
        target.name
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "made greedy allocate")]
    fn an_input_that_takes_memory_out_of_proportion_is_told() {
        let greedy = Target { name: "greedy", run: |data| drop(vec![data[0]; 100 << 20]) };
        check(greedy, &[1; 1000]);
    }
}
