//! A volume on the device.

/// Modality values of one volume; made by [`crate::Renderer::upload_volume`] or [`crate::Renderer::begin_volume`].
#[derive(Debug)]
pub struct VolumeTexture {
    pub(crate) dims: [usize; 3],
    pub(crate) bytes: u64,
    pub(crate) slices_ready: usize,
}

impl VolumeTexture {
    /// Voxels along x, y, z.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// Slices put so far; the volume can be drawn before all are there.
    pub fn slices_ready(&self) -> usize {
        self.slices_ready
    }

    /// Graphics memory it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
