//! The folder of installed packages: `NAME/VERSION/` with all files of a package.
//!
//! A package is put in place in one step, when all its files are there and have the hashes of its manifest.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{InputRules, Manifest, ManifestError};
use super::published::{Published, package};
use super::trust::{Trust, TrustError};
use crate::monai::{BundleChoice, BundleError};
use crate::nnunet::PlanError;

/// Name of the manifest in a package.
pub(super) const MANIFEST: &str = "model.toml";
/// Its Ed25519 signature, 64 bytes.
const SIGNATURE: &str = "model.toml.sig";

/// From the program's folder: on Windows, on Linux, and of a program that was built and not installed.
const SHIPPED: [&str; 3] = ["models", "../lib/medsight/models", "../../models"];

/// Why a package is not installed, or not used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file cannot be read or written.
    #[error("{file} cannot be read or written: {reason}")]
    File {
        /// Its name within the package.
        file: String,
        /// The system's word.
        reason: String,
    },
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file is not the one the manifest names.
    #[error("{0} is not the file that model.toml names: its SHA-256 is another")]
    Changed(String),
    /// A file of the package is not in the manifest.
    #[error("{0} is not named by model.toml")]
    Unnamed(String),
    /// The site does not allow it.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The same name and version are there with other contents.
    #[error("{name} {version} is installed already and is another package; give this one another version")]
    Exists {
        /// Name.
        name: String,
        /// Version.
        version: String,
    },
    /// The folder is neither a package nor something published that is known.
    #[error(
        "the folder holds neither model.toml, nor an nnU-Net result (plans.json, dataset.json, fold_N), nor a MONAI bundle \
         (configs/inference.json or .yaml, configs/metadata.json, models/model.pt)"
    )]
    Unknown,
    /// What is published is damaged.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What is published is damaged.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// No such package.
    #[error("no package {0} is installed")]
    NotInstalled(String),
}

/// Where packages are installed.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A package in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// Its folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// SHA-256 of the manifest: of the whole package.
    pub sha256: String,
}

/// What is known of something published that has no manifest of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Name of the package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SPDX expression of the weights' licence.
    pub licence: String,
    /// Images that it takes.
    pub input: InputRules,
}

/// Whether an installed package is as it was.
#[derive(Debug)]
pub struct Verdict {
    /// Name and version, as its folder says.
    pub name: String,
    /// What is wrong, if anything.
    pub fault: Option<PackageError>,
}

impl Store {
    /// The packages under a folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The packages that came with the program: beside it, where an installer puts them, or in the sources that it was built
    /// from. They are read like installed ones, hashes and the site's lists included, and never written.
    pub fn shipped() -> Option<Self> {
        let program = std::env::current_exe().ok()?;
        let beside = program.parent()?;
        let installed = SHIPPED.into_iter().map(|place| beside.join(place));
        let sources =
            cfg!(debug_assertions).then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"));
        installed.chain(sources).find(|folder| folder.is_dir()).map(Self::new)
    }

    /// Installs the package in `from`, byte for byte. What is there already and the same stays.
    ///
    /// # Errors
    /// [`PackageError`]; nothing is installed then.
    pub fn install(&self, from: &Path, trust: &Trust) -> Result<Installed, PackageError> {
        let text = read(from, MANIFEST)?;
        let signature = std::fs::read(from.join(SIGNATURE)).ok();
        let manifest = parsed(&text)?;
        let sha256 = hex(&Sha256::digest(&text));
        trust.check(&text, &sha256, signature.as_deref())?;
        let place = self.folder.join(&manifest.name).join(&manifest.version);
        if place.exists() {
            let there = opened(&place)?;
            let (name, version) = (manifest.name, manifest.version);
            return match there.sha256 == sha256 {
                true => Ok(there),
                false => Err(PackageError::Exists { name, version }),
            };
        }
        let part = self.folder.join(&manifest.name).join(format!(".{}.part", manifest.version));
        let begun = remove(&part).and_then(|()| std::fs::create_dir_all(&part));
        begun.map_err(|error| fault(&manifest.version, &error))?;
        let copied = copy_all(from, &part, &manifest).and_then(|()| {
            write(&part, MANIFEST, &text)?;
            signature.as_deref().map_or(Ok(()), |signature| write(&part, SIGNATURE, signature))
        });
        if let Err(error) = copied {
            let _kept = remove(&part);
            return Err(error);
        }
        std::fs::rename(&part, &place).map_err(|error| fault(&manifest.version, &error))?;
        Ok(Installed { folder: place, manifest, sha256 })
    }

    /// Makes a package of something published, an nnU-Net folder of results or a MONAI bundle, and installs it. Its labels have
    /// the names that the publisher gave and no codes; nothing is said of its quality.
    ///
    /// # Errors
    /// [`PackageError`]; nothing is installed then.
    pub fn adopt(&self, from: &Path, draft: &Draft, trust: &Trust) -> Result<Installed, PackageError> {
        self.adopt_with(from, &BundleChoice::default(), draft, trust)
    }

    /// The same for a MONAI bundle of which something is said beside it.
    ///
    /// # Errors
    /// [`PackageError`]; nothing is installed then.
    pub fn adopt_with(
        &self,
        from: &Path,
        choice: &BundleChoice,
        draft: &Draft,
        trust: &Trust,
    ) -> Result<Installed, PackageError> {
        let published = Published::of(from, choice)?;
        let build = self.folder.join(format!(".{}.adopted", draft.name));
        let begun = remove(&build).and_then(|()| std::fs::create_dir_all(&build));
        begun.map_err(|error| fault(&draft.name, &error))?;
        let made = package(&build, draft, published);
        let installed = made.and_then(|()| self.install(&build, trust));
        let _gone = remove(&build);
        installed
    }

    /// All installed packages whose manifest can be read, by name and version.
    pub fn list(&self) -> Vec<Installed> {
        self.places().iter().filter_map(|place| opened(place).ok()).collect()
    }

    /// The newest version of a package, or the one of `NAME@VERSION`.
    ///
    /// # Errors
    /// [`PackageError::NotInstalled`], or the site does not allow it.
    pub fn find(&self, name: &str, trust: &Trust) -> Result<Installed, PackageError> {
        let (name, version) = match name.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (name, None),
        };
        let fits = |found: &Installed| {
            found.manifest.name == name && version.is_none_or(|version| found.manifest.version == version)
        };
        let newest =
            self.list().into_iter().filter(fits).max_by_key(|found| ordered(&found.manifest.version));
        let found = newest.ok_or_else(|| PackageError::NotInstalled(name.to_owned()))?;
        let text = read(&found.folder, MANIFEST)?;
        let signature = std::fs::read(found.folder.join(SIGNATURE)).ok();
        trust.check(&text, &found.sha256, signature.as_deref())?;
        Ok(found)
    }

    /// Reads every file of every package again.
    pub fn verify(&self, trust: &Trust) -> Vec<Verdict> {
        let verdict = |place: &PathBuf| {
            let part = |path: Option<&Path>| {
                path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
            };
            let name = format!("{}@{}", part(place.parent()), part(Some(place)));
            Verdict { fault: check(place, trust).err(), name }
        };
        self.places().iter().map(verdict).collect()
    }

    fn places(&self) -> Vec<PathBuf> {
        let mut places: Vec<PathBuf> =
            folders(&self.folder).into_iter().flat_map(|name| folders(&name)).collect();
        places.sort();
        places
    }
}

impl Installed {
    /// Checks all files against the manifest.
    ///
    /// # Errors
    /// [`PackageError`] with the file that is another.
    pub fn verify(&self, trust: &Trust) -> Result<(), PackageError> {
        check(&self.folder, trust)
    }
}

/// Versions in the order of their numbers: 1.10 is newer than 1.9.
fn ordered(version: &str) -> Vec<(u64, String)> {
    version.split(['.', '-', '+']).map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(of).into_iter().flatten().filter_map(Result::ok);
    let is_visible = |entry: &std::fs::DirEntry| {
        entry.path().is_dir() && !entry.file_name().to_string_lossy().starts_with('.')
    };
    entries.filter(is_visible).map(|entry| entry.path()).collect()
}

fn opened(place: &Path) -> Result<Installed, PackageError> {
    let text = read(place, MANIFEST)?;
    Ok(Installed { folder: place.to_owned(), manifest: parsed(&text)?, sha256: hex(&Sha256::digest(&text)) })
}

fn check(place: &Path, trust: &Trust) -> Result<(), PackageError> {
    let text = read(place, MANIFEST)?;
    let signature = std::fs::read(place.join(SIGNATURE)).ok();
    let manifest = parsed(&text)?;
    trust.check(&text, &hex(&Sha256::digest(&text)), signature.as_deref())?;
    for file in &manifest.files {
        let found = hash(&place.join(&file.path)).map_err(|error| fault(&file.path, &error))?;
        if !found.eq_ignore_ascii_case(&file.sha256) {
            return Err(PackageError::Changed(file.path.clone()));
        }
    }
    let named = |path: &String| {
        path == MANIFEST || path == SIGNATURE || manifest.files.iter().any(|file| file.path == *path)
    };
    match all_files(place).into_iter().find(|path| !named(path)) {
        Some(path) => Err(PackageError::Unnamed(path)),
        None => Ok(()),
    }
}

fn parsed(text: &[u8]) -> Result<Manifest, PackageError> {
    let text = std::str::from_utf8(text).map_err(|error| ManifestError::Format(error.to_string()))?;
    Ok(Manifest::read(text)?)
}

fn copy_all(from: &Path, to: &Path, manifest: &Manifest) -> Result<(), PackageError> {
    for file in &manifest.files {
        let failed = |error: std::io::Error| fault(&file.path, &error);
        let (source, target) = (from.join(&file.path), to.join(&file.path));
        target.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        // Hashed as it is copied: what is checked is what is installed.
        let sha256 = copy(&source, &target).map_err(failed)?;
        if !sha256.eq_ignore_ascii_case(&file.sha256) {
            return Err(PackageError::Changed(file.path.clone()));
        }
    }
    Ok(())
}

pub(super) fn copy(from: &Path, to: &Path) -> std::io::Result<String> {
    let (mut source, mut target) = (std::fs::File::open(from)?, std::fs::File::create(to)?);
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        target.write_all(&buffer[..count])?;
    }
    target.sync_all()?;
    Ok(hex(&hasher.finalize()))
}

fn hash(path: &Path) -> std::io::Result<String> {
    let (mut source, mut hasher, mut buffer) = (std::fs::File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn read(folder: &Path, file: &str) -> Result<Vec<u8>, PackageError> {
    std::fs::read(folder.join(file)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if file == MANIFEST => PackageError::Unknown,
        _ => fault(file, &error),
    })
}

pub(super) fn write(folder: &Path, file: &str, bytes: &[u8]) -> Result<(), PackageError> {
    let written = std::fs::File::create(folder.join(file)).and_then(|mut target| {
        target.write_all(bytes)?;
        target.sync_all()
    });
    written.map_err(|error| fault(file, &error))
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn fault(file: &str, error: &std::io::Error) -> PackageError {
    PackageError::File { file: file.to_owned(), reason: error.to_string() }
}

/// All files below a folder, with `/`.
pub(super) fn all_files(folder: &Path) -> Vec<String> {
    let mut open = vec![(folder.to_owned(), String::new())];
    let mut found = Vec::new();
    while let Some((folder, prefix)) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => open.push((entry.path(), format!("{path}/"))),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}
