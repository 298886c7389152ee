//! Encrypted files and the key hierarchy.
