//! What happened, by whom.
