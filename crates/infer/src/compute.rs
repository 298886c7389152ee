//! Where models run: on the light box's own graphics device, or on the processor where there is none worth the name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::prelude::{Device, Tensor};
use burn::tensor::wgpu::WgpuSetup;
use burn::tensor::{DType, FloatDType};
use medsight_gpu::{Gpu, MemoryBudget, wgpu};

/// Says to a run that nobody waits for it any more. Clones share the word.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the run: layers that have not begun do nothing any more, and its result is thrown away.
    pub fn now(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// True when the run is to end.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// A new run may begin.
    pub fn begin(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// What a network's numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits, as in the training.
    #[default]
    Single,
    /// 16 bits, where the adapter has them and the answer holds.
    Half,
}

impl Precision {
    /// As the record states it; empty for what needs no word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Single => "",
            Self::Half => "f16",
        }
    }
}

/// A device for tensors. Networks are built on one and stay there.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    on_cpu: bool,
    name: String,
    stop: Stop,
    memory: MemoryBudget,
    largest_tensor_bytes: u64,
    handles: Option<Handles>,
    precision: Precision,
}

/// The device and the queue that burn shares with the renderer.
#[derive(Clone, Debug)]
pub(crate) struct Handles {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
}

/// Tasks that burn puts into one submission. Few, so that a frame of the viewport does not wait behind many.
const TASKS: usize = 32;

impl Compute {
    /// The processor, by burn's flex backend.
    pub fn cpu() -> Self {
        Self {
            device: Device::flex(),
            on_cpu: true,
            name: "CPU".to_owned(),
            stop: Stop::default(),
            memory: MemoryBudget::new(u64::MAX),
            largest_tensor_bytes: u64::MAX,
            handles: None,
            precision: Precision::Single,
        }
    }

    /// The device that draws. A software rasteriser is no device for models: the processor itself is faster then.
    ///
    /// # Errors
    /// The reason why burn does not take the device.
    pub fn on(gpu: &Gpu) -> Result<Self, String> {
        match gpu.is_software {
            true => Ok(Self::cpu()),
            false => Self::on_software_too(gpu),
        }
    }

    /// The device that draws, be it a software rasteriser: for tests of what is done on a graphics device where there is none.
    /// It is many times slower there than [`Self::cpu`].
    ///
    /// # Errors
    /// The reason why burn does not take the device.
    pub fn on_software_too(gpu: &Gpu) -> Result<Self, String> {
        let setup = WgpuSetup {
            instance: gpu.instance.clone(),
            adapter: gpu.adapter.clone(),
            device: gpu.device.clone(),
            queue: gpu.queue.clone(),
            backend: gpu.adapter.get_info().backend,
        };
        let device =
            Device::wgpu_options().tasks_max(TASKS).setup(setup).init().map_err(|error| error.to_string())?;
        let limits = gpu.device.limits();
        Ok(Self {
            device,
            on_cpu: false,
            name: gpu.adapter_text(),
            stop: Stop::default(),
            memory: gpu.memory.clone(),
            largest_tensor_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            handles: Some(Handles { device: gpu.device.clone(), queue: gpu.queue.clone() }),
            precision: Precision::Single,
        })
    }

    /// The same device with no more than so many bytes for models.
    #[must_use]
    pub fn within(self, bytes: u64) -> Self {
        Self { memory: MemoryBudget::new(bytes), ..self }
    }

    /// The account of the memory that models and pictures share.
    pub fn memory(&self) -> &MemoryBudget {
        &self.memory
    }

    /// The most that one tensor may take on the device.
    pub fn largest_tensor_bytes(&self) -> u64 {
        self.largest_tensor_bytes
    }

    /// What networks that are built here compute in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The same device with networks in half precision; `None` where the adapter (or burn on it) has none.
    pub fn in_half(&self) -> Option<Self> {
        let has_shaders = self.handles.as_ref()?.device.features().contains(wgpu::Features::SHADER_F16);
        let is_here = has_shaders && self.device.supports_dtype(FloatDType::F16);
        is_here.then(|| Self { precision: Precision::Half, ..self.clone() })
    }

    /// A tensor in the precision that is computed in here.
    pub(crate) fn placed<const D: usize>(&self, tensor: Tensor<D>) -> Tensor<D> {
        match self.precision {
            Precision::Single => tensor,
            Precision::Half => tensor.cast(FloatDType::F16),
        }
    }

    /// For shaders of our own; `None` on the processor.
    pub(crate) fn handles(&self) -> Option<&Handles> {
        self.handles.as_ref()
    }

    /// burn's name for the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// True on the processor.
    pub fn is_cpu(&self) -> bool {
        self.on_cpu
    }

    /// The adapter, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The most graphics memory that models have taken so far; `None` on the processor.
    pub fn peak_gpu_bytes(&self) -> Option<u64> {
        // The pool gives nothing back while a run lasts.
        (!self.on_cpu).then(|| self.device.memory_pool_usage().map(|usage| usage.bytes_reserved)).flatten()
    }

    /// Ends what runs on networks that were built here.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }
}

/// A network's answer in single precision.
pub(crate) fn single<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F32 => tensor,
        _ => tensor.cast(FloatDType::F32),
    }
}
