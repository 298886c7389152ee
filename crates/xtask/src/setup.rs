//! Installs what is missing to build, to show and to test: system packages, Node packages, cargo's own tools.
//!
//! Where nothing may be installed, the exact line to type is printed and everything stops. When all is there, this
//! takes milliseconds and asks the network for nothing.

mod apt;
mod node;
mod peers;
mod tools;

use crate::run;
use anyhow::Result;

pub(crate) use node::{npm, registry_answers};
pub(crate) use peers::peers;
pub(crate) use tools::{install as install_tool, tool};

/// What the machine is wanted for: decides which packages it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build the application and show it on the screen that is there.
    Show,
    /// The same on a screen of its own, driven by a program.
    Tour,
    /// Everything that tests need.
    Test,
}

/// Makes the machine ready for a purpose.
pub(crate) fn setup(purpose: Purpose) -> Result<()> {
    apt::install(purpose)?;
    node::install()?;
    if purpose != Purpose::Show {
        tools::install("tauri-driver", "^2")?;
    }
    if purpose == Purpose::Test {
        tools::install("cargo-deny", tools::CARGO_DENY)?;
    }
    if !run::installed("cc") {
        anyhow::bail!("no C compiler (`cc`) is installed");
    }
    Ok(())
}
