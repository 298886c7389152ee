//! What is played: the tour of the first day, the desk by itself, starts that fail, and what must survive.

pub(crate) mod desk_day;
mod import;
pub(crate) mod survival;
pub(crate) mod tour;
pub(crate) mod troubles;
