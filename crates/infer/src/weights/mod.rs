//! The weights of a network as a file holds them: names, shapes and numbers, nothing else.
//!
//! A checkpoint of PyTorch is a program for an object machine; here it is only read, never run ([`pth`]). A network is
//! built from weights layer by layer ([`Layers`]): a layer that is missing, has another shape or holds numbers that are
//! none is an error with its name, and so is one that nobody asked for. There is no network that is half loaded.

mod pickle;
mod pth;
mod safetensors;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;

use burn::prelude::{Device, Tensor};
use burn::tensor::TensorData;

use crate::compute::{Compute, Stop};

/// Why weights are not taken. Layers are named as in the file.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("the weights cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// Neither a checkpoint of PyTorch nor a safetensors file, or a damaged one.
    #[error("this is not a file of weights (.pth, .pt or .safetensors): {0}")]
    Format(String),
    /// The checkpoint would run code when PyTorch opened it.
    #[error("the checkpoint is refused: it calls {0}, which is no part of a set of weights")]
    Hostile(String),
    /// The checkpoint does not have the entry that holds the weights.
    #[error("the checkpoint has no entry {0}")]
    NoEntry(String),
    /// The network has a layer that the file has not.
    #[error("layer {0} is missing in the weights")]
    Missing(String),
    /// The layer is there with another shape.
    #[error("layer {layer} has the shape {found:?} in the weights and {expected:?} in the network")]
    Shape {
        /// Name of the layer.
        layer: String,
        /// What the network needs.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// The numbers are of a kind that is no weight: integers, booleans, complex numbers.
    #[error("layer {layer} holds {kind}, not floating point numbers")]
    Kind {
        /// Name of the layer.
        layer: String,
        /// The kind as the file names it.
        kind: String,
    },
    /// A weight is infinite or not a number.
    #[error("layer {0} holds a number that is infinite or none (NaN)")]
    NotFinite(String),
    /// The file has layers that the network has not: it is another network.
    #[error("the weights hold {count} layers that this network does not have; the first is {first}")]
    Unknown {
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
    },
}

/// The largest set of weights that is read, in bytes: six times the largest that is published (nnU-Net's ResEnc XL).
const MOST_BYTES: u64 = 4 << 30;

type ReadNumbers = Box<dyn Fn() -> Result<Vec<f32>, WeightsError> + Send + Sync>;

struct Stored {
    shape: Vec<usize>,
    read: ReadNumbers,
}

/// What a file of weights holds. The numbers are read when a layer is built.
pub struct Weights {
    tensors: BTreeMap<String, Stored>,
}

impl Weights {
    /// Opens a `.safetensors` file, or a checkpoint of PyTorch whose weights are the value of the first of `entries` that
    /// it has (`network_weights` in nnU-Net's, `state_dict` in many); a checkpoint that is itself the table of
    /// weights needs none.
    ///
    /// Names are given without what wrappers put before them (`module.`, `_orig_mod.`).
    ///
    /// # Errors
    /// [`WeightsError`]; a checkpoint that calls anything but what makes up tensors is [`WeightsError::Hostile`].
    pub fn open(path: &Path, entries: &[&str]) -> Result<Self, WeightsError> {
        let length = std::fs::metadata(path)?.len();
        if length > MOST_BYTES {
            return Err(WeightsError::Format(format!("it has {length} bytes; {MOST_BYTES} are the most")));
        }
        let tensors = match safetensors::is_one(path)? {
            true => safetensors::read(path)?,
            false => pth::read(path, entries)?,
        };
        let tensors = tensors.into_iter().map(|(name, stored)| (unwrapped(&name).to_owned(), stored));
        Ok(Self { tensors: tensors.collect() })
    }

    /// Names of the layers, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a layer.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| stored.shape.as_slice())
    }

    /// The numbers of a layer in row-major order; `None` when there is no such layer.
    ///
    /// # Errors
    /// [`WeightsError`] when they cannot be read, or are none.
    pub fn numbers(&self, name: &str) -> Option<Result<Vec<f32>, WeightsError>> {
        self.tensors.get(name).map(|stored| (stored.read)())
    }

    /// Builds a network on `compute`; `spatial` is 2 or 3. `is_copy` tells the names of layers that the file holds a
    /// second time under another name, or that are not used to infer.
    ///
    /// # Errors
    /// [`WeightsError`] with the name of the layer; nothing of the network exists then.
    pub fn build<N>(
        &self,
        compute: &Compute,
        spatial: usize,
        is_copy: impl Fn(&str) -> bool,
        network: impl FnOnce(&Layers<'_>) -> Result<N, WeightsError>,
    ) -> Result<N, WeightsError> {
        let taken = RefCell::new(BTreeSet::new());
        let built =
            network(&Layers { weights: self, taken: &taken, compute, spatial, prefix: String::new() })?;
        let taken = taken.into_inner();
        let mut unknown = self.names().filter(|name| !taken.contains(*name) && !is_copy(name));
        match unknown.next() {
            None => Ok(built),
            Some(first) => Err(WeightsError::Unknown { first: first.to_owned(), count: 1 + unknown.count() }),
        }
    }
}

/// The name without what `DataParallel` and `torch.compile` put before it.
fn unwrapped(name: &str) -> &str {
    let name = name.strip_prefix("module.").unwrap_or(name);
    name.strip_prefix("_orig_mod.").unwrap_or(name)
}

/// A place in the names of the layers from which a part of a network takes its weights.
pub struct Layers<'a> {
    weights: &'a Weights,
    taken: &'a RefCell<BTreeSet<String>>,
    compute: &'a Compute,
    spatial: usize,
    prefix: String,
}

impl<'a> Layers<'a> {
    /// The place `name` below this one.
    pub fn at(&self, name: impl Display) -> Layers<'a> {
        Layers { prefix: format!("{}{name}.", self.prefix), ..*self }
    }

    /// 2 or 3: how many axes of space the network has.
    pub fn spatial(&self) -> usize {
        self.spatial
    }

    /// Where the network is built.
    pub fn device(&self) -> &Device {
        self.compute.device()
    }

    /// True when the network is built for the processor.
    pub fn is_cpu(&self) -> bool {
        self.compute.is_cpu()
    }

    /// Ends the work of what is built.
    pub fn stop(&self) -> Stop {
        self.compute.stop().clone()
    }

    /// True when the file has the layer.
    pub fn has(&self, name: &str) -> bool {
        self.weights.tensors.contains_key(&format!("{}{name}", self.prefix))
    }

    /// The shape of a layer, before it is taken.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.weights.shape(&format!("{}{name}", self.prefix))
    }

    /// Says that a layer is known and not used to infer, such as a count of batches.
    pub fn leave(&self, name: &str) {
        self.taken.borrow_mut().insert(format!("{}{name}", self.prefix));
    }

    /// The numbers of a layer in row-major order.
    ///
    /// # Errors
    /// [`WeightsError`] when it is missing, has another shape or holds what is no number.
    pub fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let layer = format!("{}{name}", self.prefix);
        let stored = self.weights.tensors.get(&layer).ok_or_else(|| WeightsError::Missing(layer.clone()))?;
        if stored.shape != shape {
            let (expected, found) = (shape.to_vec(), stored.shape.clone());
            return Err(WeightsError::Shape { layer, expected, found });
        }
        let numbers = (stored.read)()?;
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(WeightsError::NotFinite(layer));
        }
        self.taken.borrow_mut().insert(layer);
        Ok(numbers)
    }

    /// A layer as a tensor.
    ///
    /// # Errors
    /// As [`Self::numbers`].
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, WeightsError> {
        let numbers = self.numbers(name, &shape)?;
        Ok(self.compute.placed(Tensor::from_data(TensorData::new(numbers, shape), self.device())))
    }

    /// The kernels of a convolution as five axes: outputs, inputs, depth, rows, columns. A network of the plane has
    /// kernels of depth 1, which its file leaves out.
    ///
    /// # Errors
    /// As [`Self::numbers`].
    pub fn kernels(
        &self,
        name: &str,
        outputs: usize,
        inputs: usize,
        size: [usize; 3],
    ) -> Result<Tensor<5>, WeightsError> {
        let [depth, rows, columns] = size;
        let numbers = self.kernel_numbers(name, outputs, inputs, size)?;
        let data = TensorData::new(numbers, [outputs, inputs, depth, rows, columns]);
        Ok(self.compute.placed(Tensor::from_data(data, self.device())))
    }

    /// The same as numbers in row-major order.
    ///
    /// # Errors
    /// As [`Self::numbers`].
    pub fn kernel_numbers(
        &self,
        name: &str,
        outputs: usize,
        inputs: usize,
        [depth, rows, columns]: [usize; 3],
    ) -> Result<Vec<f32>, WeightsError> {
        match self.spatial {
            2 => self.numbers(name, &[outputs, inputs, rows, columns]),
            _ => self.numbers(name, &[outputs, inputs, depth, rows, columns]),
        }
    }
}
