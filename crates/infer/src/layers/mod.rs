//! The parts that networks are made of, over tensors of five axes: images, channels, depth, rows, columns. A picture has
//! depth 1, so that each network is written once for two and three axes of space.
//!
//! Each part takes its weights by the name they have in the file, and says which layer does not fit.

mod activation;
mod conv;
mod cpu;
mod join;
mod linear;
mod norm;
mod pool;
mod upsample;

pub(crate) use activation::Activation;
pub(crate) use conv::{Conv, ConvSpec, TransposedConv, TransposedSpec, same_padding};
pub(crate) use cpu::Kept;
pub(crate) use join::join;
pub(crate) use linear::{LayerNorm, Linear};
pub(crate) use norm::Norm;
pub(crate) use pool::{adaptive_mean, avg_pool, max_pool, stem_pool};
pub(crate) use upsample::{linear_by_two, nearest_by_two};
