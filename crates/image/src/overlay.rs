//! Overlay planes (PS3.3 C.9.2): one-bit drawings over an image. Read by `medsight-dicom`, drawn by the viewport.

use std::sync::Arc;

/// A one-bit drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayPlane {
    /// Overlay Label (60xx,1500), else Overlay Description (60xx,0022); empty when neither is there.
    pub label: String,
    /// Columns and rows of the drawing.
    pub size_px: [usize; 2],
    /// Image column and row of its first pixel, from 0; may lie outside of the image.
    pub origin_px: [i64; 2],
    /// First frame of the image that it belongs to, from 0.
    pub first_frame: usize,
    /// Number of frames it has. One frame is for every frame of the image, several are for one each.
    pub frames: usize,
    /// Overlay Type (60xx,0040) is R: it marks a region, not drawings and text.
    pub is_region: bool,
    /// Overlay Data (60xx,3000), or bits of pixels packed like it: a bit a pixel, the lowest first.
    pub bits: Arc<[u8]>,
}

impl OverlayPlane {
    /// The drawing over a frame of the image, row by row; `None` when the frame has none.
    pub fn over_frame(&self, frame: usize) -> Option<Vec<bool>> {
        let of_overlay = if self.frames == 1 && self.first_frame == 0 {
            0
        } else {
            frame.checked_sub(self.first_frame).filter(|f| *f < self.frames)?
        };
        let size = self.size_px[0] * self.size_px[1];
        let bit = |i: usize| self.bits[i / 8] >> (i % 8) & 1 == 1;
        Some((of_overlay * size..(of_overlay + 1) * size).map(bit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_of_one_frame_lies_over_every_frame_and_one_of_several_over_its_own() {
        let plane = |frames: usize, first_frame: usize| OverlayPlane {
            label: String::new(),
            size_px: [4, 2],
            origin_px: [0, 0],
            first_frame,
            frames,
            is_region: false,
            bits: vec![0b0000_0001, 0b1000_0000].into(),
        };
        assert_eq!(plane(1, 0).over_frame(7).map(|d| d[0]), Some(true));
        assert_eq!(plane(2, 3).over_frame(4).map(|d| (d[0], d[7])), Some((false, true)));
        assert_eq!(plane(2, 3).over_frame(2), None);
    }
}
