//! Where models run: on the light box's own graphics device, or on the processor where there is none worth the name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::prelude::Device;
use burn::tensor::wgpu::WgpuSetup;
use medsight_gpu::{Gpu, MemoryBudget};

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

/// A device for tensors. Networks are built on one and stay there.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    on_cpu: bool,
    name: String,
    stop: Stop,
    memory: MemoryBudget,
    largest_tensor_bytes: u64,
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
        }
    }

    /// The device that draws. A software rasteriser is no device for models: the processor itself is faster then.
    ///
    /// # Errors
    /// The reason why burn does not take the device.
    pub fn on(gpu: &Gpu) -> Result<Self, String> {
        if gpu.is_software {
            return Ok(Self::cpu());
        }
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
