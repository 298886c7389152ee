//! `models ls`, `models install PATH`, `models verify`: packages of models on this workstation.

use crate::files::path_text;
use crate::output::{Exit, Output};
use crate::settings::in_force;
use clap::Subcommand;
use medsight_infer::{
    BundleChoice, Draft, InputRules, Installed, Manifest, ModelError, PackageError, Store, Trust,
};
use medsight_record::Refusal;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Models that are installed on this workstation.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the installed packages.
    Ls(Place),
    /// Install a package, or an nnU-Net folder of results or a MONAI bundle as it was published.
    Install(Install),
    /// Read every file of every package and compare it with the package's manifest.
    Verify(Place),
}

/// Where packages are, and which may run.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Folder of the installed packages. Without it: medsight/models in the folder for your data.
    #[arg(long, value_name = "DIR", env = "MEDSIGHT_MODELS")]
    models: Option<PathBuf>,
    /// Allow only packages with this SHA-256 of model.toml; may be given several times.
    #[arg(long, value_name = "SHA256")]
    allow_hash: Vec<String>,
    /// Allow only packages signed by this Ed25519 public key in hexadecimal; may be given several times.
    #[arg(long, value_name = "KEY")]
    allow_key: Vec<String>,
}

#[derive(clap::Args)]
struct Install {
    /// Folder with model.toml, or with plans.json, dataset.json and fold_N, or with configs, metadata and models of a bundle.
    path: PathBuf,
    /// Name of the package, where the folder has no model.toml.
    #[arg(long)]
    name: Option<String>,
    /// Its version.
    #[arg(long, default_value = "1")]
    version: String,
    /// Licence of the weights as an SPDX expression.
    #[arg(long, default_value = "LicenseRef-unknown")]
    licence: String,
    /// Modality that the model is for; may be given several times.
    #[arg(long, default_values_t = ["CT".to_owned()])]
    modality: Vec<String>,
    /// Where columns, rows and slices of the model's images grow to, such as RAS for TotalSegmentator. Without it images
    /// are taken as they are stored.
    #[arg(long, value_name = "LETTERS")]
    orientation: Option<String>,
    /// A file of a MONAI bundle's configuration, such as configs/inference.yaml; several are merged in the order given, as the
    /// bundle's own command merges them. Without it configs/inference.json or .yaml.
    #[arg(long, value_name = "FILE")]
    config: Vec<String>,
    /// For a MONAI bundle whose answer are regions that may overlap: their labels, from 1 on, in the order in which they are
    /// written, later ones over earlier ones, such as 2,1,3.
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    regions_order: Vec<u16>,
    #[command(flatten)]
    place: Place,
}

impl Place {
    pub(crate) fn store(&self) -> Result<Store, Refusal> {
        let beside_cache = || Some(medsight_cache::default_folder()?.with_file_name("models"));
        let folder = self.models.clone().or_else(beside_cache);
        let none = || Refusal::new("no_folder", "No folder for your data is known; use --models.");
        folder.map(Store::new).ok_or_else(none)
    }

    /// The lists of the settings, the site's above the person's, where there are any, else those of the options.
    ///
    /// # Errors
    /// `bad_policy` when the site's policy cannot be used: then nobody knows what may run.
    pub(crate) fn trust(&self) -> Result<Trust, Refusal> {
        let bad = |refusal: Refusal| Refusal::new("bad_policy", refusal.reason);
        let site = in_force(None).map_err(bad)?.models;
        let site = Trust { hashes: site.allow_hashes, keys: site.allow_keys };
        let own = || Trust { hashes: self.allow_hash.clone(), keys: self.allow_key.clone() };
        Ok(if site.is_restricting() { site } else { own() })
    }
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let done = match &args.what {
        What::Ls(place) => place.store().map(|store| {
            let (installed, shipped) = (store.list(), Store::shipped().map_or_else(Vec::new, |s| s.list()));
            let rows = |models: &[Installed]| models.iter().map(row).collect::<Vec<Value>>();
            let document = json!({ "models": rows(&installed), "shipped": rows(&shipped) });
            out.document(&document, |_| match shipped.as_slice() {
                [] => listing(&installed),
                _ => format!("{}\nWith the program:\n{}", listing(&installed), listing(&shipped)),
            });
            Exit::Done
        }),
        What::Install(install) => install.run(out),
        What::Verify(place) => verify(place, out),
    };
    done.unwrap_or_else(|refusal| {
        out.refused(&refusal);
        exit_of(&refusal)
    })
}

impl Install {
    fn run(&self, out: &Output) -> Result<Exit, Refusal> {
        let (store, trust) = (self.place.store()?, self.place.trust()?);
        let is_package = self.path.join("model.toml").is_file();
        let installed = match is_package {
            true => store.install(&self.path, &trust),
            false => store.adopt_with(&self.path, &self.choice(), &self.draft()?, &trust),
        };
        let installed = installed.map_err(|error| refusal(&error))?;
        out.document(&row(&installed), |_| {
            let Manifest { name, version, .. } = &installed.manifest;
            format!("{name} {version} is installed.\nmodel.toml: {}", installed.sha256)
        });
        Ok(Exit::Done)
    }

    fn choice(&self) -> BundleChoice {
        BundleChoice { configs: self.config.clone(), regions_order: self.regions_order.clone() }
    }

    fn draft(&self) -> Result<Draft, Refusal> {
        let name = self.name.clone().ok_or_else(|| {
            Refusal::new(
                "no_name",
                "The folder has no model.toml: say --name, and --licence and --modality where they differ.",
            )
        })?;
        let input = InputRules {
            modalities: self.modality.clone(),
            orientation: self.orientation.clone(),
            unit: self.modality.contains(&"CT".to_owned()).then(|| "HU".to_owned()),
            ..InputRules::default()
        };
        Ok(Draft { name, version: self.version.clone(), licence: self.licence.clone(), input })
    }
}

fn verify(place: &Place, out: &Output) -> Result<Exit, Refusal> {
    let verdicts = place.store()?.verify(&place.trust()?);
    let rows: Vec<Value> = verdicts
        .iter()
        .map(|verdict| match &verdict.fault {
            None => json!({"name": verdict.name, "whole": true}),
            Some(error) => json!({"name": verdict.name, "whole": false, "error": refusal(error)}),
        })
        .collect();
    let bad = verdicts.iter().filter(|verdict| verdict.fault.is_some()).count();
    out.document(&json!({ "models": rows }), |_| {
        let line = |verdict: &medsight_infer::Verdict| match &verdict.fault {
            None => format!("{}: whole", verdict.name),
            Some(error) => format!("{}: {error}", verdict.name),
        };
        match verdicts.is_empty() {
            true => "No model is installed.".to_owned(),
            false => verdicts.iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    });
    Ok(if bad > 0 { Exit::Damaged } else { Exit::Done })
}

/// Why an installed package is no model that runs here.
pub(crate) fn not_opened(error: ModelError) -> Refusal {
    match error {
        ModelError::Package(error) => refusal(&error),
        other => Refusal::new("bad_model", format!("{other}.")),
    }
}

/// How a verb on models ends that is refused.
pub(crate) fn exit_of(refusal: &Refusal) -> Exit {
    match refusal.code.as_str() {
        "not_found" | "no_model" => Exit::NotFound,
        "not_allowed" => Exit::NotPermitted,
        "damaged" | "bad_photograph" => Exit::Damaged,
        _ => Exit::Partly,
    }
}

pub(crate) fn refusal(error: &PackageError) -> Refusal {
    let code = match error {
        PackageError::NotInstalled(_) | PackageError::Unknown => "not_found",
        PackageError::Trust(_) => "not_allowed",
        PackageError::Changed(_) | PackageError::Unnamed(_) => "damaged",
        _ => "bad_model",
    };
    Refusal::new(code, format!("{error}."))
}

fn row(installed: &Installed) -> Value {
    let manifest = &installed.manifest;
    json!({
        "name": manifest.name,
        "version": manifest.version,
        "sha256": installed.sha256,
        "licence": manifest.licence,
        "input": manifest.input,
        "labels": manifest.labels.len(),
        "measured": manifest.measured,
        "intended_use": manifest.intended_use,
        "limits": manifest.limits,
        "folder": path_text(&installed.folder),
    })
}

fn listing(models: &[Installed]) -> String {
    let line = |installed: &Installed| {
        let manifest = &installed.manifest;
        let quality = match manifest.measured.first() {
            Some(measured) => format!("{} {:.3} on {}", measured.measure, measured.value, measured.on),
            None => "quality not stated".to_owned(),
        };
        let modalities = manifest.input.modalities.join(", ");
        format!("{} {}  {modalities}  {}  {quality}", manifest.name, manifest.version, manifest.licence)
    };
    match models.is_empty() {
        true => "No model is installed.".to_owned(),
        false => models.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}
