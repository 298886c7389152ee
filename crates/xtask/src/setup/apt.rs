//! System packages of Debian 12 and Ubuntu 24.04.

use super::Purpose;
use crate::run;
use anyhow::{Result, bail};

/// To build: a C compiler, the web view, OpenSSL for SQLCipher, D-Bus for the window library.
const BUILD: &[&str] =
    &["build-essential", "pkg-config", "libwebkit2gtk-4.1-dev", "libssl-dev", "libdbus-1-dev"];
/// To run: software Vulkan for machines without a graphics card, a font, the keyring service, dictionaries.
const SHOW: &[&str] = &[
    "libvulkan1",
    "mesa-vulkan-drivers",
    "fonts-dejavu-core",
    "libxkbcommon-x11-0",
    // What the web view checks spelling by.
    "hunspell-en-us",
    "hunspell-es",
    "hunspell-de-de",
];
/// To run without a screen: one of its own, a window manager, input, a keyring, a driver for the web view.
const TOUR: &[&str] = &[
    "xvfb",
    "openbox",
    "xdotool",
    "x11-apps",
    "dbus-daemon",
    "gnome-keyring",
    // Looks whether anything is in the keyring that should not be.
    "libsecret-tools",
    "webkit2gtk-driver",
    // Films: what the web view plays them with.
    "gstreamer1.0-libav",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "procps",
    // Validates audit messages; reads reports as PDF.
    "libxml2-utils",
    "ghostscript",
];

/// Installs the packages that are missing, where that is possible without asking anything.
pub(super) fn install(purpose: Purpose) -> Result<()> {
    let wanted = BUILD.iter().chain(SHOW).chain(if purpose == Purpose::Show { &[][..] } else { TOUR });
    let wanted: Vec<&str> = wanted.copied().collect();
    if !run::installed("dpkg-query") {
        println!(
            "Not Debian or Ubuntu: packages are not looked at. The names there are: {}",
            wanted.join(" ")
        );
        return Ok(());
    }
    add(&wanted)
}

/// Installs those of these packages that are missing.
pub(super) fn add(wanted: &[&str]) -> Result<()> {
    let missing = missing(wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install --yes --no-install-recommends {}", missing.join(" "));
    let Some(prefix) = privilege() else {
        bail!("these system packages are missing; install them and start again:\n\n    sudo {line}\n");
    };
    println!("Installing system packages: {}", missing.join(" "));
    for step in ["apt-get update --quiet", &line] {
        let line = format!("{prefix}{step}");
        let mut command = run::command(&line);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        run::run_command(&mut command, &line)?;
    }
    Ok(())
}

fn missing<'a>(wanted: &[&'a str]) -> Vec<&'a str> {
    let mut query = run::command("dpkg-query --show --showformat=${db:Status-Status}\\t${Package}\\n");
    query.args(wanted).stderr(std::process::Stdio::null());
    // A package that was never heard of makes dpkg-query fail; the lines of the others are there all the same.
    let shown =
        query.output().map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    let has = |name: &str| shown.lines().any(|line| line == format!("installed\t{name}"));
    wanted.iter().copied().filter(|name| !has(name)).collect()
}

/// The words before a command that needs to be root, or nothing where that cannot be without a password.
fn privilege() -> Option<&'static str> {
    if run::output("id -u").is_some_and(|id| id.trim() == "0") {
        return Some("");
    }
    run::output("sudo --non-interactive true")
        .map(|_| "sudo --non-interactive DEBIAN_FRONTEND=noninteractive ")
}
