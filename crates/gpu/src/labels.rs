//! Labels of a volume's voxels in device memory: what a model leaves there, drawn from there and brought back when the
//! processor wants them.

use wgpu::{Device, Queue};

use crate::kernel::{ReadBackError, read_back, zeros};
use crate::{MemoryBudget, OutOfGpuMemory, Reservation};

/// Labels of voxels, columns fastest, then rows, then slices: voxel `i` is half `i % 2` (the lower one first) of the 32-bit
/// word `i / 2`. Whoever writes them does so on the device's one queue, so what is submitted later sees them whole.
#[derive(Debug)]
pub struct DeviceLabels {
    dims: [usize; 3],
    buffer: wgpu::Buffer,
    device: Device,
    queue: Queue,
    memory: Reservation,
}

impl DeviceLabels {
    /// Bytes that the labels of so many columns, rows, slices take.
    pub fn bytes_for(dims: [usize; 3]) -> u64 {
        (dims.iter().product::<usize>() as u64 * 2).next_multiple_of(4).max(4)
    }

    /// Room for labels, all of them 0.
    ///
    /// # Errors
    /// [`OutOfGpuMemory`] when the account does not hold them.
    pub fn reserve(
        device: &Device,
        queue: &Queue,
        memory: &MemoryBudget,
        dims: [usize; 3],
    ) -> Result<Self, OutOfGpuMemory> {
        let bytes = Self::bytes_for(dims);
        let memory = memory.reserve(bytes)?;
        let buffer = zeros(device, "labels", bytes);
        Ok(Self { dims, buffer, device: device.clone(), queue: queue.clone(), memory })
    }

    /// Columns, rows, slices.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// The words; may be bound as storage.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Device memory they take.
    pub fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// Waits for what was submitted and gives the label of each voxel.
    ///
    /// # Errors
    /// [`ReadBackError`] when the device is lost.
    pub fn read_back(&self) -> Result<Vec<u16>, ReadBackError> {
        let bytes = read_back(&self.device, &self.queue, &self.buffer)?;
        let labels = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        Ok(labels.take(self.dims.iter().product()).collect())
    }
}
