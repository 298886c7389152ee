//! `medsightctl`: the library code without a window, for IT, scripts and measurement.
//!
//! One module a verb under [`verbs`]. A new verb is its module and one line of [`Verb`] and of its
//! `run`. What a verb prints and the exit codes are stable: site scripts depend on them.

mod files;
mod output;
mod picture;
mod settings;
mod verbs;

use clap::{Parser, Subcommand};
use output::{Exit, Output};
use std::process::ExitCode;

/// Radiology workstation, command line.
#[derive(Parser)]
#[command(name = "medsightctl", version, about)]
struct Cli {
    /// Print one JSON document on standard output; progress goes to standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// What the files are: studies, series, and whether a series is a volume.
    Info(verbs::info::Args),
    /// Decode every frame and print its hash and statistics.
    Decode(verbs::decode::Args),
    /// Build the volumes of a series and print their geometry and hash.
    Volume(verbs::volume::Args),
    /// Show one frame as the light box does, pixel for pixel, and write it as a PNG.
    Present(verbs::present::Args),
    /// Draw a series without a window, and print how long it took.
    Render(verbs::render::Args),
    /// Run an installed model over a series and write what it finds as a DICOM segmentation.
    Segment(verbs::segment::Args),
    /// How probable an installed classifier finds what it was made to see in one picture.
    Classify(verbs::classify::Args),
    /// Where a photograph shows a wound.
    Wound(verbs::wound::Args),
    /// Models that are installed on this workstation.
    Models(verbs::models::Args),
    /// Take files, folders, zip archives and DICOMDIRs into the encrypted cache.
    Import(verbs::import::Args),
    /// List the studies in the cache.
    Ls(verbs::ls::Args),
    /// Copy a study out of the cache, byte for byte as it came in.
    Export(verbs::export::Args),
    /// Care of the encrypted cache.
    Cache(verbs::cache::Args),
    /// The audit trail: is it whole, and copies of it for other systems.
    Audit(verbs::audit::Args),
    /// Talk to a peer on the network: DIMSE and DICOMweb.
    Pacs(verbs::pacs::Args),
    /// Send what waits for other systems, and tell what waits and why.
    Sync(verbs::sync::Args),
    /// Check that this machine has what the workstation needs.
    Doctor(verbs::doctor::Args),
    /// Parts of the benchmarks.
    #[command(hide = true)]
    BenchInternal(verbs::bench_internal::Args),
}

impl Verb {
    fn run(&self, out: &Output) -> Exit {
        match self {
            Self::Info(args) => verbs::info::run(args, out),
            Self::Decode(args) => verbs::decode::run(args, out),
            Self::Volume(args) => verbs::volume::run(args, out),
            Self::Present(args) => verbs::present::run(args, out),
            Self::Render(args) => verbs::render::run(args, out),
            Self::Segment(args) => verbs::segment::run(args, out),
            Self::Classify(args) => verbs::classify::run(args, out),
            Self::Wound(args) => verbs::wound::run(args, out),
            Self::Models(args) => verbs::models::run(args, out),
            Self::Import(args) => verbs::import::run(args, out),
            Self::Ls(args) => verbs::ls::run(args, out),
            Self::Export(args) => verbs::export::run(args, out),
            Self::Cache(args) => verbs::cache::run(args, out),
            Self::Audit(args) => verbs::audit::run(args, out),
            Self::Pacs(args) => verbs::pacs::run(args, out),
            Self::Sync(args) => verbs::sync::run(args, out),
            Self::Doctor(args) => verbs::doctor::run(args, out),
            Self::BenchInternal(args) => verbs::bench_internal::run(args, out),
        }
    }
}

fn main() -> ExitCode {
    medsight_vault::leave_no_core_files();
    let cli = Cli::parse(); // ends with code 2 on wrong usage
    let out = Output::new(cli.json);
    std::panic::set_hook(Box::new(output::report_fault));
    let exit = std::panic::catch_unwind(|| cli.verb.run(&out)).unwrap_or(Exit::Fault);
    ExitCode::from(exit.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_options_of_a_verb_share_a_name() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
