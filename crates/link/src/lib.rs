//! The messages between desk and light box.
