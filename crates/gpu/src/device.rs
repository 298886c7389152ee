//! Makes the device, and says what it can do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::{ErrorLog, MemoryBudget};

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// No adapter, not even a software one.
    #[error("no graphics adapter was found: {0}")]
    NoAdapter(String),
    /// The adapter is there but gives no device.
    #[error("the graphics adapter gives no device: {0}")]
    NoDevice(String),
    /// The window's surface could not be set up.
    #[error("the window cannot be drawn on: {0}")]
    Surface(String),
}

/// What the renderer may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Volumes are 32-bit float textures, interpolated by the shader: right, slower, twice the memory.
    Basic,
    /// 16-bit normalised textures with hardware interpolation.
    Full,
}

/// The device all drawing, painting and inference share. wgpu handles are counted, so `device` and
/// `queue` may be cloned and handed to egui or a model.
pub struct Gpu {
    /// Made the adapter; surfaces must come from it.
    pub instance: wgpu::Instance,
    /// Stands for the card.
    pub adapter: wgpu::Adapter,
    /// The device.
    pub device: wgpu::Device,
    /// Its only queue.
    pub queue: wgpu::Queue,
    /// What the renderer may rely on.
    pub tier: Tier,
    /// The adapter computes on the CPU: drawing works, models use the CPU backend instead.
    pub is_software: bool,
    /// Account of memory.
    pub memory: MemoryBudget,
    /// What the device complained about.
    pub errors: ErrorLog,
    lost: Arc<AtomicBool>,
    submit: RwLock<()>,
}

/// Instance settings by the environment (`WGPU_BACKEND` and the like); the caller may add its display.
pub fn instance_descriptor() -> wgpu::InstanceDescriptor {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY.with_env();
    descriptor
}

impl Gpu {
    /// A device without a window, for tests, the command line and thumbnails.
    ///
    /// # Errors
    /// [`GpuError`] when there is no adapter or device.
    pub fn headless() -> Result<Self, GpuError> {
        Self::new(wgpu::Instance::new(instance_descriptor()), None)
    }

    /// The device of `instance` that can draw on `surface`.
    ///
    /// Takes every stable feature and the full limits of the adapter: inference picks its kernels by what the
    /// adapter says, not by what the device was asked for.
    ///
    /// # Errors
    /// [`GpuError`] when there is no adapter or device.
    pub fn new(instance: wgpu::Instance, surface: Option<&wgpu::Surface<'_>>) -> Result<Self, GpuError> {
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            compatible_surface: surface,
            ..Default::default()
        };
        let adapter = pollster::block_on(instance.request_adapter(&options))
            .map_err(|e| GpuError::NoAdapter(e.to_string()))?;
        let not_wanted = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS | wgpu::Features::all_experimental_mask();
        let features = adapter.features().difference(not_wanted);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("medsight"),
            required_features: features,
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| GpuError::NoDevice(e.to_string()))?;
        let errors = ErrorLog::default();
        let log = errors.clone();
        // Without a handler an error of a lost device panics the thread that touched it.
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            log.record(&error.to_string());
        }));
        let lost = Arc::new(AtomicBool::new(false));
        let (flag, log) = (lost.clone(), errors.clone());
        device.set_device_lost_callback(move |reason, text| {
            flag.store(true, Ordering::SeqCst);
            log.record(&format!("device lost ({reason:?}): {text}"));
        });
        let kind = adapter.get_info().device_type;
        Ok(Self {
            tier: tier_of(&adapter, features),
            is_software: kind == wgpu::DeviceType::Cpu,
            memory: MemoryBudget::new(default_budget(kind)),
            instance,
            adapter,
            device,
            queue,
            errors,
            lost,
            submit: RwLock::new(()),
        })
    }

    /// Name and kind of the adapter, for people: `NVIDIA RTX A2000 (DiscreteGpu, Vulkan)`.
    pub fn adapter_text(&self) -> String {
        let info = self.adapter.get_info();
        format!("{} ({:?}, {:?})", info.name, info.device_type, info.backend)
    }

    /// True once the driver has given up the device; a new `Gpu` is needed.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Held from upload to present by whoever submits: [`Self::configure`] waits for them.
    pub fn submitting(&self) -> RwLockReadGuard<'_, ()> {
        self.submit.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets up a surface. `Surface::configure` waits for the whole device to go idle and fails when
    /// another thread submits meanwhile, hence the lock and the retries.
    ///
    /// # Errors
    /// [`GpuError::Surface`] when it still fails after 50 tries or the device is lost.
    pub fn configure(
        &self,
        surface: &wgpu::Surface<'_>,
        config: &wgpu::SurfaceConfiguration,
    ) -> Result<(), GpuError> {
        let _alone = self.submit.write().unwrap_or_else(PoisonError::into_inner);
        let mut last = String::new();
        for _ in 0..50 {
            let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
            surface.configure(&self.device, config);
            match pollster::block_on(scope.pop()) {
                None => return Ok(()),
                Some(error) => last = error.to_string(),
            }
            if self.is_lost() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(GpuError::Surface(last))
    }

    /// Waits until everything submitted so far is done.
    pub fn wait(&self) {
        if let Err(error) = self.device.poll(wgpu::PollType::wait_indefinitely()) {
            self.errors.record(&error.to_string());
        }
    }

    /// Longest edge of a 2D texture, in texels.
    pub fn max_edge_2d(&self) -> u32 {
        self.device.limits().max_texture_dimension_2d
    }

    /// Longest edge of a 3D texture, in texels.
    pub fn max_edge_3d(&self) -> u32 {
        self.device.limits().max_texture_dimension_3d
    }
}

fn tier_of(adapter: &wgpu::Adapter, features: wgpu::Features) -> Tier {
    let format = adapter.get_texture_format_features(wgpu::TextureFormat::R16Unorm);
    let filters = format.flags.contains(wgpu::TextureFormatFeatureFlags::FILTERABLE);
    match features.contains(wgpu::Features::TEXTURE_FORMAT_16BIT_NORM) && filters {
        true => Tier::Full,
        false => Tier::Basic,
    }
}

/// A share of what adapters of the kind have at least in practice.
fn default_budget(kind: wgpu::DeviceType) -> u64 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 6 << 30,
        wgpu::DeviceType::Cpu => 4 << 30,
        _ => 3 << 30,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headless_device_says_what_it_is_and_has_no_complaint() {
        let gpu = Gpu::headless().unwrap();
        assert!(!gpu.adapter_text().is_empty());
        assert!(gpu.max_edge_3d() >= 256);
        gpu.wait();
        assert!(gpu.errors.is_empty(), "{:?}", gpu.errors.entries());
    }
}
