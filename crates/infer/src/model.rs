//! An installed package as a model that takes volumes.

use medsight_image::Volume;
use medsight_record::Maker;

use crate::compute::Compute;
use crate::grid::{Grid, transposed};
use crate::monai::{BundleError, MonaiModel};
use crate::nnunet::{NnunetError, NnunetModel};
use crate::package::{Form, Installed, Manifest, PackageError, Trust};
use crate::run::{InferError, Progress};
use crate::volume::turned;
use crate::weights::WeightsError;

/// Why a package is no model here.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The package is not whole, or not allowed.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// What it holds cannot be run.
    #[error(transparent)]
    Nnunet(#[from] NnunetError),
    /// What it holds cannot be run.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The package is a model for something else.
    #[error("the package is no model for {0}")]
    OtherUse(&'static str),
    /// A label of the answer is not in the manifest.
    #[error("the model's answer has the label {0}, which model.toml does not name")]
    Label(u16),
    /// The manifest says another orientation than the model's own configuration.
    #[error("model.toml says the orientation {manifest}, the bundle's own configuration {bundle}")]
    Orientation {
        /// Of the manifest.
        manifest: String,
        /// Of the bundle.
        bundle: String,
    },
}

#[derive(Debug)]
enum Kind {
    Nnunet(Box<NnunetModel>),
    Monai(Box<MonaiModel>),
}

/// What the images of a series say of themselves; compared with [`Manifest::input`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesFacts {
    /// Modality (0008,0060).
    pub modality: String,
    /// Body Part Examined (0018,0015), may be empty.
    pub body_part: String,
}

/// A model that is ready to run.
#[derive(Debug)]
pub struct Model {
    /// What the package says of itself.
    pub manifest: Manifest,
    /// SHA-256 of the whole package.
    pub sha256: String,
    kind: Kind,
}

impl Model {
    /// Opens an installed package: all its files are read and compared with the manifest first.
    ///
    /// # Errors
    /// [`ModelError`] with the file, key or layer.
    pub fn open(installed: &Installed, trust: &Trust, compute: &Compute) -> Result<Self, ModelError> {
        installed.verify(trust)?;
        let mut manifest = installed.manifest.clone();
        let (kind, answers): (Kind, Vec<u16>) = match &installed.manifest.form {
            Form::Nnunet { folder } => {
                let network = NnunetModel::open(&installed.folder.join(folder), compute)?;
                let written = network.dataset().regions_order.clone();
                let answers = written.unwrap_or_else(|| network.dataset().foreground().collect());
                (Kind::Nnunet(Box::new(network)), answers)
            }
            Form::Wound { .. } => return Err(ModelError::OtherUse("volumes")),
            Form::Monai { folder } => {
                let bundle = MonaiModel::open(&installed.folder.join(folder), compute)?;
                let own = bundle.orientation().map(str::to_owned);
                match (&manifest.input.orientation, own) {
                    (Some(said), Some(own)) if *said != own => {
                        return Err(ModelError::Orientation { manifest: said.clone(), bundle: own });
                    }
                    (None, own) => manifest.input.orientation = own,
                    _ => {}
                }
                let answers = bundle.labels().collect();
                (Kind::Monai(Box::new(bundle)), answers)
            }
        };
        let named = |value: &u16| manifest.labels.iter().any(|label| label.value == *value);
        if let Some(value) = answers.into_iter().find(|value| !named(value)) {
            return Err(ModelError::Label(value));
        }
        Ok(Self { manifest, sha256: installed.sha256.clone(), kind })
    }

    /// Who the record says made what this model proposes.
    pub fn maker(&self) -> Maker {
        Maker {
            name: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            sha256: self.sha256.clone(),
            is_guided: false,
        }
    }

    /// Where it runs.
    pub fn compute(&self) -> &Compute {
        match &self.kind {
            Kind::Nnunet(network) => network.compute(),
            Kind::Monai(bundle) => bundle.compute(),
        }
    }

    /// The label of each voxel of the time point that is seen, columns fastest, slice after slice.
    ///
    /// # Errors
    /// [`InferError`], before anything runs, when the series is not one that the model was made for.
    pub fn segment(
        &self,
        volume: &Volume,
        series: &SeriesFacts,
        progress: &Progress<'_>,
    ) -> Result<Vec<u16>, InferError> {
        fits(&self.manifest, volume, series)?;
        let turned = turned(volume, &self.manifest);
        let labels = match &self.kind {
            Kind::Nnunet(network) => {
                network.segment(std::slice::from_ref(&turned.grid), turned.spacing_mm, progress)?
            }
            // A bundle's arrays have x as their slowest axis.
            Kind::Monai(bundle) => {
                let dims = turned.grid.dims;
                let (values, to) = transposed(&turned.grid.values, dims, [2, 1, 0]);
                let [z, y, x] = turned.spacing_mm;
                let labels = bundle.segment(&Grid { dims: to, values }, [x, y, z], progress)?;
                transposed(&labels, to, [2, 1, 0]).0
            }
        };
        Ok(turned.back(&labels))
    }
}

/// Compares a series with what the package says it was made for.
fn fits(manifest: &Manifest, volume: &Volume, series: &SeriesFacts) -> Result<(), InferError> {
    let input = &manifest.input;
    let misfit = |attribute: &'static str, found: &str, expected: String| {
        Err(InferError::Misfit { attribute, found: found.to_owned(), expected })
    };
    if !input.modalities.contains(&series.modality) {
        return misfit("Modality (0008,0060)", &series.modality, input.modalities.join(", "));
    }
    // Many series do not name a body part; one that names another is not for this model.
    let part = series.body_part.to_ascii_uppercase();
    if !part.is_empty() && !input.body_parts.is_empty() && !input.body_parts.contains(&part) {
        return misfit("Body Part Examined (0018,0015)", &part, input.body_parts.join(", "));
    }
    if input.unit.as_ref().is_some_and(|unit| *unit != volume.unit) {
        let expected = input.unit.clone().unwrap_or_default();
        return misfit("the unit of the values (Rescale Type, 0028,1054)", &volume.unit, expected);
    }
    let distance_mm = volume.spacing_mm.z;
    match input.slice_distance_mm_at_most {
        Some(most) if distance_mm > most => misfit(
            "the distance of the slices (Image Position (Patient), 0020,0032)",
            &format!("{distance_mm:.2} mm"),
            format!("at most {most} mm"),
        ),
        _ => Ok(()),
    }
}
