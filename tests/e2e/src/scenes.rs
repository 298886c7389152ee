//! What is played: the tour of the first day, the desk by itself, what a reader writes, a study that arrives, starts that fail, and what must survive.

pub(crate) mod arriving;
pub(crate) mod desk_day;
mod import;
pub(crate) mod survival;
pub(crate) mod tour;
pub(crate) mod troubles;
pub(crate) mod writing;
