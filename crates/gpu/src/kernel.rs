//! Compute shaders: compiled once, run over buffers; and how what they made comes back.

use wgpu::util::DeviceExt as _;

/// A compute shader does not compile: a fault of the program.
#[derive(Debug, thiserror::Error)]
#[error("shader {name}: {reason}")]
pub struct KernelError {
    /// Its name in `shaders/`, with the entry point.
    pub name: String,
    /// What the compiler says.
    pub reason: String,
}

/// What is on the device could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the graphics device gives nothing back: {0}")]
pub struct ReadBackError(String);

/// Invocations in a workgroup of a shader that counts its work in one row ([`flat_groups`]).
pub const FLAT: u32 = 64;

/// A compute shader.
#[derive(Debug)]
pub struct Kernel {
    pipeline: wgpu::ComputePipeline,
    name: &'static str,
}

impl Kernel {
    /// Compiles `entry` of a WGSL source. What it binds is what the entry point uses.
    ///
    /// # Errors
    /// [`KernelError`] with the compiler's words.
    pub fn new(
        device: &wgpu::Device,
        name: &'static str,
        source: &str,
        entry: &str,
    ) -> Result<Self, KernelError> {
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        match pollster::block_on(scope.pop()) {
            None => Ok(Self { pipeline, name }),
            Some(error) => Err(KernelError { name: format!("{name} {entry}"), reason: error.to_string() }),
        }
    }

    /// Puts a run of it behind what is in `encoder`. `resources` are bound in order from 0.
    pub fn run(
        &self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        resources: &[wgpu::BindingResource<'_>],
        groups: [u32; 3],
    ) {
        let entries: Vec<_> = resources
            .iter()
            .enumerate()
            .map(|(place, resource)| wgpu::BindGroupEntry {
                binding: place as u32,
                resource: resource.clone(),
            })
            .collect();
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(self.name),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some(self.name),
            timestamp_writes: None,
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
    }
}

/// Workgroups of [`FLAT`] invocations for `count` pieces of work. More than one row of them is allowed to have is several
/// rows: the shader's place is `id.y * num_workgroups.x * 64 + id.x`, and the last ones have nothing to do.
pub fn flat_groups(count: u64) -> [u32; 3] {
    const ROW: u64 = 32_768;
    let groups = count.div_ceil(u64::from(FLAT)).max(1);
    let rows = groups.div_ceil(ROW);
    [groups.div_ceil(rows) as u32, rows as u32, 1]
}

/// The constants of a run.
pub fn uniform(device: &wgpu::Device, contents: &[u8]) -> wgpu::Buffer {
    buffer_with(device, contents, wgpu::BufferUsages::UNIFORM)
}

/// Numbers that a shader reads.
pub fn storage(device: &wgpu::Device, contents: &[u8]) -> wgpu::Buffer {
    buffer_with(device, contents, wgpu::BufferUsages::STORAGE)
}

fn buffer_with(device: &wgpu::Device, contents: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage })
}

/// Room for a shader's results, all 0.
pub fn zeros(device: &wgpu::Device, label: &'static str, bytes: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: bytes.max(4).next_multiple_of(4),
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// Waits for all that was submitted and gives the bytes of a buffer that allows `COPY_SRC`.
///
/// # Errors
/// [`ReadBackError`] when the device is lost or has no room.
pub fn read_back(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
) -> Result<Vec<u8>, ReadBackError> {
    let failed = |error: &dyn std::fmt::Display| ReadBackError(error.to_string());
    let copy = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("read back"),
        size: buffer.size(),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, buffer.size());
    queue.submit([encoder.finish()]);
    let (send, receive) = std::sync::mpsc::channel();
    copy.map_async(wgpu::MapMode::Read, .., move |result| {
        // The receiver is gone only when this function has returned early.
        let _ = send.send(result);
    });
    device.poll(wgpu::PollType::wait_indefinitely()).map_err(|error| failed(&error))?;
    receive.recv().map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    let mapped = copy.get_mapped_range(..).map_err(|error| failed(&error))?;
    Ok(mapped.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_of_work_has_an_invocation_however_many_there_are() {
        for count in [0, 1, 64, 65, 1 << 21, (1 << 21) + 1, 700_000_001] {
            let [x, y, z] = flat_groups(count).map(u64::from);
            assert!(
                x * y * z * u64::from(FLAT) >= count && x <= 65_535 && y <= 65_535,
                "{count}: {x} {y} {z}"
            );
        }
    }
}
