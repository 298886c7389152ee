//! Frames, look-up tables, volumes, resampling, and the CPU twin of every shader.
//!
//! Pure computation: no file, no GPU. What a frame means (its modality, its patient) is in
//! `medsight-record`; how it is read from a file is in `medsight-dicom`.

pub mod frame;
pub mod voi;
pub mod volume;

pub use frame::{Frame, Photometric, Samples};
pub use voi::{VoiFunction, Window};
pub use volume::{Volume, VolumeWarning, Voxels};
