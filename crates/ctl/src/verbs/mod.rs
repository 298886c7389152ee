//! One module a verb. Each has its `Args` and `run(&Args, &Output) -> Exit`.

pub(crate) mod audit;
pub(crate) mod bench_internal;
pub(crate) mod cache;
pub(crate) mod classify;
pub(crate) mod decode;
pub(crate) mod doctor;
mod doctor_servers;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod ls;
pub(crate) mod models;
pub(crate) mod pacs;
pub(crate) mod present;
pub(crate) mod render;
pub(crate) mod segment;
mod sources;
pub(crate) mod store;
pub(crate) mod sync;
pub(crate) mod volume;
pub(crate) mod wound;
