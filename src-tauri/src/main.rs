//! `medsight`: the desk.

// No console window beside the desk on Windows.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    medsight_vault::leave_no_core_files();
    medsight_desk::app::run(medsight_desk::args::Args::parse())
}
