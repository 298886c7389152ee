//! A stored image on the device.

use medsight_image::Photometric;

/// Stored values of one frame, as integers; made by [`crate::Renderer::upload_frame`].
#[derive(Debug)]
pub struct FrameTexture {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) photometric: Photometric,
    pub(crate) bytes: u64,
}

impl FrameTexture {
    /// (columns, rows).
    pub fn size_px(&self) -> [usize; 2] {
        [self.columns, self.rows]
    }

    /// What the samples mean.
    pub fn photometric(&self) -> Photometric {
        self.photometric
    }

    /// Graphics memory it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
