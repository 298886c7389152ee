//! What stands between a file and a decoder: limits before, and a net under it.

use medsight_dicom::{Tag, named, tags};
use medsight_record::Refusal;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// A frame may always be this large, however small its compressed bytes are: an empty image is real.
const ALWAYS_ALLOWED: u64 = 16 << 20;
/// Beyond that, so many bytes for one compressed byte: more than any decoder here can mean.
const LARGEST_RATIO: u64 = 300;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Refuses a frame that claims far more pixels than its compressed bytes can hold.
///
/// # Errors
/// `too_large`, with both figures.
pub(crate) fn check_size(claimed_bytes: u64, compressed_bytes: usize) -> Result<(), Refusal> {
    if claimed_bytes <= ALWAYS_ALLOWED.max(compressed_bytes as u64 * LARGEST_RATIO) {
        return Ok(());
    }
    Err(Refusal::new(
        "too_large",
        format!(
            "Rows (0028,0010) × Columns (0028,0011) claim {claimed_bytes} bytes for {compressed_bytes} compressed ones; \
             the file is damaged or not what it says."
        ),
    ))
}

/// Runs a decoder; its panic is a refusal, and says nothing on standard error.
///
/// # Errors
/// The decoder's own, or `damaged` after a panic.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !DECODING.get() {
                before(info);
            }
        }));
    });
    let outer = DECODING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(outer);
    result.unwrap_or_else(|_| Err(damaged("the decoder could not follow it")))
}

/// Compressed pixels that cannot be decoded.
pub(crate) fn damaged(why: &str) -> Refusal {
    Refusal::new(
        "damaged",
        format!("{} is damaged: {why}. Copy or send the file again.", named(tags::PIXEL_DATA)),
    )
}

/// An attribute that contradicts the compressed frame.
pub(crate) fn contradicts(tag: Tag, header: usize, frame: usize) -> Refusal {
    Refusal::new(
        "contradiction",
        format!(
            "{} is {header}, but the compressed frame has {frame}. Ask the sender for a corrected file.",
            named(tag)
        ),
    )
}
