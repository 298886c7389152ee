//! What is played: the tour of the first day, the desk by itself, what a reader writes, a report, a study that arrives,
//! servers that want a sign-in or send by themselves, what is sent to other systems, people who sign in, starts that fail,
//! a comparison with a prior, and what must survive.

pub(crate) mod arriving;
pub(crate) mod desk_day;
pub(crate) mod identity;
mod import;
pub(crate) mod models;
pub(crate) mod priors;
pub(crate) mod reporting;
mod searching;
pub(crate) mod servers;
pub(crate) mod survival;
pub(crate) mod sync;
pub(crate) mod tour;
pub(crate) mod troubles;
pub(crate) mod writing;
