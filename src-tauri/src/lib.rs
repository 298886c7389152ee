//! The desk: the program with the worklist, import and settings. The only crate that knows Tauri, and the
//! only writer of the records.
//!
//! [`desk::Desk`] is the desk without its window: it holds the cache, the settings, the import and the
//! light box's process, and is told what to do by the functions of the command modules. [`app`] puts the
//! window around it. No pixel is decoded here; the imaging program does that, as a process of its own.

#[cfg(test)]
mod ahead_journeys;
pub mod app;
pub mod args;
mod asker;
mod auditing;
pub mod bindings;
mod closing;
mod commands;
mod conflicts;
pub mod desk;
#[cfg(test)]
mod destination_journeys;
mod documents;
pub mod dto;
mod films;
mod forms;
mod importing;
mod inbound;
#[cfg(test)]
mod inbound_journeys;
#[cfg(test)]
mod journeys;
mod key_images;
mod light_box;
mod listening;
mod model_runs;
#[cfg(test)]
mod move_journeys;
mod network;
#[cfg(test)]
mod network_journeys;
mod perform;
#[cfg(test)]
mod policy_journeys;
mod prefetch;
mod problem;
mod process;
#[cfg(test)]
mod promise_journeys;
mod proposing;
mod receiving;
#[cfg(test)]
mod report_journeys;
mod report_pages;
mod reports;
mod retrieving;
mod server_secret;
mod session;
mod settings;
mod site_policy;
pub mod spelling;
mod start;
mod studies;
#[cfg(test)]
mod support;
mod syncing;
mod thumbnails;
mod web_view;
mod writing;
