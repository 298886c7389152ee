//! The wound segmenter: which pixels of a photograph are wound. Scale, scores and stages are not here.

use image::imageops::FilterType;
use image::{ImageBuffer, Luma, Rgb, RgbImage, imageops};

use crate::compute::Compute;
use crate::model::ModelError;
use crate::networks::{Network, Shape, WoundUnetShape, pass};
use crate::package::{Form, Installed, Manifest, Trust};
use crate::run::{InferError, Progress};
use crate::weights::Weights;

/// A wound segmenter that is ready to run.
pub struct WoundModel {
    /// What the package says of itself.
    pub manifest: Manifest,
    /// SHA-256 of the whole package.
    pub sha256: String,
    network: Box<dyn Network>,
    edge_px: usize,
    threshold: f32,
    compute: Compute,
}

/// Where a photograph shows a wound.
#[derive(Clone, Debug, PartialEq)]
pub struct WoundMask {
    /// Columns and rows of the photograph.
    pub size_px: [usize; 2],
    /// 255 where there is wound, else 0; row by row.
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for WoundModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WoundModel")
            .field("manifest", &self.manifest)
            .field("edge_px", &self.edge_px)
            .finish()
    }
}

impl WoundModel {
    /// Opens an installed package: all its files are read and compared with the manifest first.
    ///
    /// # Errors
    /// [`ModelError`] with the file or layer, or because the package is for something else.
    pub fn open(installed: &Installed, trust: &Trust, compute: &Compute) -> Result<Self, ModelError> {
        installed.verify(trust)?;
        let Form::Wound { weights, network, edge_px, threshold } = &installed.manifest.form else {
            return Err(ModelError::OtherUse("photographs of wounds"));
        };
        // A manifest that names no network is refused when it is read.
        let shape = WoundUnetShape::by_name(network).ok_or(ModelError::OtherUse("photographs of wounds"))?;
        let weights = Weights::open(&installed.folder.join(weights), &[])?;
        Ok(Self {
            manifest: installed.manifest.clone(),
            sha256: installed.sha256.clone(),
            network: Shape::WoundUnet(shape).build(&weights, compute)?,
            edge_px: *edge_px,
            threshold: *threshold,
            compute: compute.clone(),
        })
    }

    /// The wound in a photograph: the mean of what the network sees in it and in its mirror images.
    ///
    /// # Errors
    /// [`InferError`].
    pub fn mask(&self, photograph: &RgbImage, progress: &Progress<'_>) -> Result<WoundMask, InferError> {
        self.compute.stop().begin();
        let (columns, rows) = photograph.dimensions();
        let edge = self.edge_px as u32;
        // The whole photograph in a square, nothing around it, as the photographs of the training are.
        let side = columns.max(rows);
        let mut square = RgbImage::new(side, side);
        let (left, top) = ((side - columns) / 2, (side - rows) / 2);
        imageops::replace(&mut square, photograph, i64::from(left), i64::from(top));
        let square = match side == edge {
            true => square,
            false => imageops::resize(&square, edge, edge, FilterType::Triangle),
        };
        let mut sum = vec![0.0_f32; self.edge_px * self.edge_px];
        for (place, [across, down]) in
            [[false, false], [true, false], [false, true], [true, true]].into_iter().enumerate()
        {
            let at = |column: u32, row: u32| {
                (if across { edge - 1 - column } else { column }, if down { edge - 1 - row } else { row })
            };
            let mut values = Vec::with_capacity(3 * sum.len());
            for channel in 0..3 {
                for row in 0..edge {
                    values.extend((0..edge).map(|column| {
                        let (x, y) = at(column, row);
                        let Rgb(colour) = square.get_pixel(x, y);
                        f32::from(colour[channel]) / 127.5 - 1.0
                    }));
                }
            }
            let dims = [1, 3, 1, self.edge_px, self.edge_px];
            let logits = pass(self.network.as_ref(), &self.compute, values, dims)?;
            if self.compute.stop().is_asked() {
                return Err(InferError::Stopped);
            }
            for row in 0..edge {
                for column in 0..edge {
                    let (x, y) = at(column, row);
                    let logit = logits[(row * edge + column) as usize];
                    sum[(y * edge + x) as usize] += 0.25 / (1.0 + (-logit).exp());
                }
            }
            progress.tell((place + 1) as f32 / 4.0);
        }
        if sum.iter().any(|part| !part.is_finite()) {
            return Err(InferError::Overflow);
        }
        // The buffer has a value for each pixel of the square.
        let part = ImageBuffer::<Luma<f32>, Vec<f32>>::from_raw(edge, edge, sum).unwrap_or_default();
        let part = match side == edge {
            true => part,
            false => imageops::resize(&part, side, side, FilterType::Triangle),
        };
        let mut pixels = Vec::with_capacity((columns * rows) as usize);
        for row in 0..rows {
            pixels.extend((0..columns).map(|column| {
                let Luma([value]) = part.get_pixel(left + column, top + row);
                if *value > self.threshold { 255 } else { 0 }
            }));
        }
        Ok(WoundMask { size_px: [columns as usize, rows as usize], pixels })
    }
}
