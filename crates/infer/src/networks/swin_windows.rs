//! How a grid of tokens is cut into windows for SwinUNETR's attention, and which of them may see each other.

use burn::prelude::{Device, Tensor};
use burn::tensor::TensorData;

/// How a grid of tokens is cut into windows: whole windows, shifted by half a window in every other block.
pub(super) struct Windows {
    dims: [usize; 3],
    padded: [usize; 3],
    window: [usize; 3],
    shift: [usize; 3],
}

impl Windows {
    pub(super) fn new(dims: [usize; 3], window: [usize; 3]) -> Self {
        // Along an axis that one window covers there is nothing to shift.
        let fits = [0, 1, 2].map(|axis| dims[axis] <= window[axis]);
        let shift = [0, 1, 2].map(|axis| if fits[axis] { 0 } else { window[axis] / 2 });
        let window = [0, 1, 2].map(|axis| if fits[axis] { dims[axis] } else { window[axis] });
        let padded = [0, 1, 2].map(|axis| dims[axis].next_multiple_of(window[axis]));
        Self { dims, padded, window, shift }
    }

    fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.padded[axis] / self.window[axis])
    }

    fn tokens(&self) -> usize {
        self.window.iter().product()
    }

    pub(super) fn is_shifted(&self) -> bool {
        self.shift != [0; 3]
    }

    /// `[images, depth, rows, columns, channels]` to `[windows, tokens, channels]`.
    pub(super) fn cut(&self, x: Tensor<5>, shifted: bool) -> Tensor<3> {
        let [images, .., channels] = x.dims();
        let mut x = x;
        for axis in 0..3 {
            let missing = self.padded[axis] - self.dims[axis];
            if missing > 0 {
                let mut dims = x.dims();
                dims[axis + 1] = missing;
                let nothing = Tensor::zeros(dims, &x.device());
                x = Tensor::cat(vec![x, nothing], axis + 1);
            }
        }
        let x = if shifted { rolled(x, self.shift, false) } else { x };
        let ([cd, cr, cc], [wd, wr, wc]) = (self.counts(), self.window);
        let apart: Tensor<8> = x.reshape([images, cd, wd, cr, wr, cc, wc, channels]);
        let windows = apart.permute([0, 1, 3, 5, 2, 4, 6, 7]);
        windows.reshape([images * cd * cr * cc, wd * wr * wc, channels])
    }

    /// The inverse of [`Self::cut`].
    pub(super) fn joined(&self, windows: Tensor<3>, shifted: bool) -> Tensor<5> {
        let [count, _, channels] = windows.dims();
        let ([cd, cr, cc], [wd, wr, wc]) = (self.counts(), self.window);
        let images = count / (cd * cr * cc);
        let apart: Tensor<8> = windows.reshape([images, cd, cr, cc, wd, wr, wc, channels]);
        let [depth, rows, columns] = self.padded;
        let x: Tensor<5> =
            apart.permute([0, 1, 4, 2, 5, 3, 6, 7]).reshape([images, depth, rows, columns, channels]);
        let x = if shifted { rolled(x, self.shift, true) } else { x };
        (0..3).fold(x, |x, axis| x.narrow(axis + 1, 0, self.dims[axis]))
    }

    /// -100 between tokens of a shifted window that were not neighbours before the shift, `[windows, tokens, tokens]`.
    pub(super) fn mask(&self, device: &Device) -> Option<Tensor<3>> {
        if !self.is_shifted() {
            return None;
        }
        let region = |axis: usize, at: usize| match (self.shift[axis], self.padded[axis]) {
            (0, _) => 2,
            (shift, size) if at >= size - shift => 2,
            (_, size) if at >= size - self.window[axis] => 1,
            _ => 0,
        };
        let ([cd, cr, cc], [wd, wr, wc]) = (self.counts(), self.window);
        let tokens = self.tokens();
        let mut mask = Vec::with_capacity(cd * cr * cc * tokens * tokens);
        for window in 0..cd * cr * cc {
            let corner = [window / (cr * cc) * wd, window / cc % cr * wr, window % cc * wc];
            let regions: Vec<usize> = (0..tokens)
                .map(|token| {
                    let at = [token / (wr * wc), token / wc % wr, token % wc];
                    (0..3).fold(0, |sum, axis| sum * 3 + region(axis, corner[axis] + at[axis]))
                })
                .collect();
            for from in &regions {
                mask.extend(regions.iter().map(|to| if from == to { 0.0_f32 } else { -100.0 }));
            }
        }
        Some(Tensor::from_data(TensorData::new(mask, [cd * cr * cc, tokens, tokens]), device))
    }
}

fn rolled(x: Tensor<5>, shift: [usize; 3], back: bool) -> Tensor<5> {
    (0..3).filter(|axis| shift[*axis] > 0).fold(x, |x, axis| {
        let size = x.dims()[axis + 1];
        let first = if back { size - shift[axis] } else { shift[axis] };
        let (head, tail) = (x.clone().narrow(axis + 1, 0, first), x.narrow(axis + 1, first, size - first));
        Tensor::cat(vec![tail, head], axis + 1)
    })
}
