//! What is played: the tour of the first day, and what must survive.

mod import;
pub(crate) mod survival;
pub(crate) mod tour;
