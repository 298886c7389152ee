//! A memory fault ends the program at once, so that the desk sees it and starts the light box again.
//!
//! Rust's runtime takes SIGSEGV and SIGBUS to tell stack overflow; its handler lets the first signal pass that
//! comes from anywhere else than a faulting instruction. The desk relies on the end of the process.
#![cfg_attr(unix, expect(unsafe_code, reason = "setting a signal's disposition has no safe form"))]

/// Gives the signals of memory faults back their default: the end.
#[cfg(unix)]
pub(crate) fn end_at_once() {
    // SAFETY: called first in `main`, before other threads are; SIG_DFL runs no code of ours.
    unsafe {
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        libc::signal(libc::SIGBUS, libc::SIG_DFL);
    }
}

/// Other systems end a faulting program by themselves.
#[cfg(not(unix))]
pub(crate) fn end_at_once() {}
