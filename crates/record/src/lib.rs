//! The clinical record.
