//! Normalisation of each channel of each image by its own mean and variance, with the activation behind it: one pass to
//! look, one to change.

use rayon::prelude::*;

use super::Map;

/// Scale and shift of each channel.
pub(in crate::layers) struct Affine<'a> {
    pub(in crate::layers) scale: &'a [f32],
    pub(in crate::layers) shift: &'a [f32],
}

/// Voxels that are looked at together: their channels stay in the first cache.
const TOGETHER: usize = 256;

/// Mean, sum of squared differences and number of what was seen.
struct Seen {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

/// Normalises in place; `slope` is applied where the result is negative (1 for no activation).
pub(in crate::layers) fn normalise(map: &mut Map, affine: Option<Affine<'_>>, epsilon: f64, slope: f32) {
    let channels = map.dims[4];
    let image = map.voxels() / map.dims[0] * channels;
    for values in map.values.chunks_mut(image) {
        let seen = values
            .par_chunks(TOGETHER * channels)
            .map(|chunk| look(chunk, channels))
            .reduce_with(merged)
            .unwrap_or(Seen { count: 1.0, mean: vec![0.0; channels], squares: vec![0.0; channels] });
        let factors: Vec<(f32, f32)> = (0..channels)
            .map(|channel| {
                let variance = seen.squares[channel] / seen.count;
                let scale = affine.as_ref().map_or(1.0, |affine| f64::from(affine.scale[channel]));
                let shift = affine.as_ref().map_or(0.0, |affine| f64::from(affine.shift[channel]));
                let factor = scale / (variance + epsilon).sqrt();
                (factor as f32, (shift - seen.mean[channel] * factor) as f32)
            })
            .collect();
        values.par_chunks_mut(TOGETHER * channels).for_each(|chunk| {
            for voxel in chunk.chunks_exact_mut(channels) {
                for (value, (factor, shift)) in voxel.iter_mut().zip(&factors) {
                    let normal = *value * factor + shift;
                    *value = if normal < 0.0 { normal * slope } else { normal };
                }
            }
        });
    }
}

fn look(chunk: &[f32], channels: usize) -> Seen {
    let count = (chunk.len() / channels) as f64;
    let mut sums = vec![0.0_f32; channels];
    for voxel in chunk.chunks_exact(channels) {
        sums.iter_mut().zip(voxel).for_each(|(sum, value)| *sum += value);
    }
    let means: Vec<f32> = sums.iter().map(|sum| sum / count as f32).collect();
    let mut squares = vec![0.0_f32; channels];
    for voxel in chunk.chunks_exact(channels) {
        for ((square, value), mean) in squares.iter_mut().zip(voxel).zip(&means) {
            *square += (value - mean) * (value - mean);
        }
    }
    Seen {
        count,
        mean: means.into_iter().map(f64::from).collect(),
        squares: squares.into_iter().map(f64::from).collect(),
    }
}

/// Two sets as one (Chan, Golub and LeVeque, 1979).
fn merged(a: Seen, b: Seen) -> Seen {
    let count = a.count + b.count;
    let part = b.count / count;
    let mut out = a;
    for channel in 0..out.mean.len() {
        let apart = b.mean[channel] - out.mean[channel];
        out.squares[channel] += b.squares[channel] + apart * apart * out.count * part;
        out.mean[channel] += apart * part;
    }
    out.count = count;
    out
}
