//! An installed package as a model that takes volumes.

use std::sync::Arc;

use medsight_gpu::DeviceLabels;
use medsight_image::{Volume, regular};
use medsight_record::Maker;

use crate::channels::{ChannelRule, onto};
use crate::compute::Compute;
use crate::grid::{Grid, transposed};
use crate::monai::{BundleChoice, BundleError, MonaiModel};
use crate::nnunet::{Found, NnunetError, NnunetModel};
use crate::package::{Form, Installed, Manifest, PackageError, Trust};
use crate::run::{InferError, Progress};
use crate::volume::{Turned, turned};
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
    /// The manifest names other channels than the network takes.
    #[error("model.toml names {manifest} channels (input.channels), the network takes {network}")]
    Channels {
        /// Of the manifest.
        manifest: usize,
        /// Of the network.
        network: usize,
    },
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

/// A volume for one channel of a model that takes several.
#[derive(Clone, Debug)]
pub struct ChannelVolume<'a> {
    /// The volume.
    pub volume: &'a Volume,
    /// What its series says of itself.
    pub series: SeriesFacts,
    /// Frame of Reference UID (0020,0052).
    pub frame_of_reference: String,
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
        let (kind, answers, channels): (Kind, Vec<u16>, Vec<String>) = match &installed.manifest.form {
            Form::Nnunet { folder } => {
                let network = NnunetModel::open(&installed.folder.join(folder), compute)?;
                let written = network.dataset().regions_order.clone();
                let answers = written.unwrap_or_else(|| network.dataset().foreground().collect());
                let channels = network.dataset().channels.clone();
                (Kind::Nnunet(Box::new(network)), answers, channels)
            }
            Form::Wound { .. } | Form::Classifier(_) => return Err(ModelError::OtherUse("volumes")),
            Form::Monai { folder, configs, regions_order } => {
                let choice = BundleChoice { configs: configs.clone(), regions_order: regions_order.clone() };
                let bundle = MonaiModel::open_with(&installed.folder.join(folder), &choice, compute)?;
                let own = bundle.orientation().map(str::to_owned);
                match (&manifest.input.orientation, own) {
                    (Some(said), Some(own)) if *said != own => {
                        return Err(ModelError::Orientation { manifest: said.clone(), bundle: own });
                    }
                    (None, own) => manifest.input.orientation = own,
                    _ => {}
                }
                let (answers, channels) = (bundle.labels().collect(), bundle.channels().to_vec());
                (Kind::Monai(Box::new(bundle)), answers, channels)
            }
        };
        match manifest.input.channels.len() {
            0 if channels.len() > 1 => {
                manifest.input.channels = channels.iter().map(|name| ChannelRule::named(name)).collect();
            }
            0 => {}
            named if named == channels.len() => {}
            named => return Err(ModelError::Channels { manifest: named, network: channels.len() }),
        }
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
            arithmetic: self.compute().precision().word().to_owned(),
        }
    }

    /// Where it runs.
    pub fn compute(&self) -> &Compute {
        match &self.kind {
            Kind::Nnunet(network) => network.compute(),
            Kind::Monai(bundle) => bundle.compute(),
        }
    }

    /// How the series of each channel is known, in the model's order; empty for a model of one image.
    pub fn channels(&self) -> &[ChannelRule] {
        &self.manifest.input.channels
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
        self.segment_shown(volume, series, progress, &|_| ())
    }

    /// The same; where the labels are made on the graphics device, `shown` is given them there first, so that they can be
    /// drawn while they are brought back. Those of an nnU-Net are, where there is room (`nnunet::device`); a bundle's are
    /// made on the processor.
    ///
    /// # Errors
    /// As [`Self::segment`].
    pub fn segment_shown(
        &self,
        volume: &Volume,
        series: &SeriesFacts,
        progress: &Progress<'_>,
        shown: &dyn Fn(Arc<DeviceLabels>),
    ) -> Result<Vec<u16>, InferError> {
        fits(&self.manifest, volume, series)?;
        let turned = turned(volume, &self.manifest);
        self.run(std::slice::from_ref(&turned.grid), &turned, progress, shown)
    }

    /// The same for a model that takes several images, in the order of [`Self::channels`]. The labels are those of the first
    /// one's voxels; another one that lies otherwise in the same frame of reference is brought to its grid.
    ///
    /// # Errors
    /// [`InferError`], before anything runs, with the channel and the attribute that does not fit.
    pub fn segment_channels(
        &self,
        channels: &[ChannelVolume<'_>],
        progress: &Progress<'_>,
    ) -> Result<Vec<u16>, InferError> {
        self.segment_channels_shown(channels, progress, &|_| ())
    }

    /// The same; `shown` as in [`Self::segment_shown`].
    ///
    /// # Errors
    /// As [`Self::segment_channels`].
    pub fn segment_channels_shown(
        &self,
        channels: &[ChannelVolume<'_>],
        progress: &Progress<'_>,
        shown: &dyn Fn(Arc<DeviceLabels>),
    ) -> Result<Vec<u16>, InferError> {
        let expected = self.channels().len().max(1);
        let first = match channels {
            [first, ..] if channels.len() == expected => first,
            _ => return Err(InferError::Channels { expected, found: channels.len() }),
        };
        let name = |place: usize| {
            self.channels().get(place).map_or_else(|| format!("{place}"), |channel| channel.name.clone())
        };
        let named = |place: usize, error: InferError| InferError::Channel {
            channel: name(place),
            error: Box::new(error),
        };
        for (place, channel) in channels.iter().enumerate() {
            fits(&self.manifest, channel.volume, &channel.series).map_err(|error| named(place, error))?;
            let is_same = channel.frame_of_reference == first.frame_of_reference;
            if place > 0 && (first.frame_of_reference.is_empty() || !is_same) {
                return Err(InferError::FrameOfReference { channel: name(place) });
            }
        }
        let even = regular(first.volume.clone());
        let first = turned(first.volume, &self.manifest);
        let mut grids = vec![first.grid.clone()];
        for (place, channel) in channels.iter().enumerate().skip(1) {
            let other = onto(&even, channel.volume).map_err(|error| named(place, error))?;
            grids.push(turned(&other, &self.manifest).grid);
        }
        self.run(&grids, &first, progress, shown)
    }

    /// Labels on the voxels of the volume that `turned` was made of.
    fn run(
        &self,
        grids: &[Grid],
        turned: &Turned,
        progress: &Progress<'_>,
        shown: &dyn Fn(Arc<DeviceLabels>),
    ) -> Result<Vec<u16>, InferError> {
        match &self.kind {
            Kind::Nnunet(network) => {
                match network.segment_to(grids, turned.spacing_mm, Some(&turned.placing()), progress)? {
                    Found::Here(labels) => Ok(turned.back(&labels)),
                    Found::There(labels) => {
                        let labels = Arc::new(labels);
                        shown(labels.clone());
                        labels.read_back().map_err(|error| InferError::Device(error.to_string()))
                    }
                }
            }
            // A bundle's arrays have x as their slowest axis.
            Kind::Monai(bundle) => {
                let dims = grids[0].dims;
                let to = [dims[2], dims[1], dims[0]];
                let over = |grid: &Grid| {
                    let (values, dims) = transposed(&grid.values, grid.dims, [2, 1, 0]);
                    Grid { dims, values }
                };
                let grids: Vec<Grid> = grids.iter().map(over).collect();
                let [z, y, x] = turned.spacing_mm;
                let labels = bundle.segment(&grids, [x, y, z], progress)?;
                Ok(turned.back(&transposed(&labels, to, [2, 1, 0]).0))
            }
        }
    }
}

/// Compares a series with what the package says it was made for.
pub(crate) fn fits_series(manifest: &Manifest, series: &SeriesFacts) -> Result<(), InferError> {
    let input = &manifest.input;
    if !input.modalities.contains(&series.modality) {
        return misfit("Modality (0008,0060)", &series.modality, input.modalities.join(", "));
    }
    // Many series do not name a body part; one that names another is not for this model.
    let part = series.body_part.to_ascii_uppercase();
    if !part.is_empty() && !input.body_parts.is_empty() && !input.body_parts.contains(&part) {
        return misfit("Body Part Examined (0018,0015)", &part, input.body_parts.join(", "));
    }
    Ok(())
}

fn misfit(attribute: &'static str, found: &str, expected: String) -> Result<(), InferError> {
    Err(InferError::Misfit { attribute, found: found.to_owned(), expected })
}

/// The same for its volume.
fn fits(manifest: &Manifest, volume: &Volume, series: &SeriesFacts) -> Result<(), InferError> {
    fits_series(manifest, series)?;
    let input = &manifest.input;
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
