//! DICOM files to record and image types.
//!
//! - [`Object`]: one parsed file; [`Dataset`] reads its values; pixel data are borrowed from the bytes.
//! - [`DicomHeaders`]: what an import needs ([`medsight_record::HeaderReader`]).
//! - [`ImageInfo`] and [`FrameInfo`]: what a viewport needs to show a frame and measure in it.
//! - [`sort_frames`]: a series into stacks and volumes by geometry.
//! - [`deidentify`]: a file without who it is about (PS3.15 Annex E).
//! - [`VolumeBuilder`]: frames, in any order and from several threads, into a volume.
//! - [`derived`]: what is made from images (segmentations, measurements, presentation states…), both ways.
//! - [`Film`]: the stream of an encapsulated film, for the platform's player.
//! - [`NewDataset`]: a data set on its way into a file.
//!
//! The parser is an index over the file's bytes rather than a tree of values: a file that lies about a length
//! cannot make it allocate, and reading a header costs microseconds. No pixel decoder is here: that is
//! `medsight-codec`.

mod acquisition;
pub mod attribute;
mod charset;
mod color_profile;
mod dataset;
mod deidentify;
pub mod derived;
mod directory;
mod encoded;
mod film;
mod header;
mod image_info;
mod layout;
mod lut;
mod new_dataset;
mod object;
mod overlay;
mod parse;
mod same;
mod scale;
mod shutter;
mod slide;
mod softcopy;
mod stack;
mod suv;
mod unit;
mod voi;
mod volume;
mod write;

pub use acquisition::Acquisition;
pub use attribute::{Tag, named, tags};
pub use dataset::Dataset;
pub use deidentify::{
    DecodeFrame, Deidentified, DeidentifyOption, Profile, ProfileError, Pseudonyms, deidentify,
};
pub use encoded::Encoded;
pub use film::{Film, FilmContainer, ReadAt, film_coding};
pub use header::{DicomHeaders, check_native_length, instance_record};
pub use image_info::{Concatenation, FrameInfo, ImageInfo, NamedWindow};
pub use layout::VolumeLayout;
pub use lut::{LookUpTable, ModalityLut, Palette};
pub use new_dataset::NewDataset;
pub use object::{Object, PixelData, PixelSpan, is_video};
pub use same::same_object;
pub use scale::{Scale, UltrasoundRegion};
pub use shutter::shutter_of;
pub use slide::{Slide, Tile};
pub use softcopy::Softcopy;
pub use stack::{FrameRef, SortedSeries, Stack, StackKind, sort_frames};
pub use suv::SuvFactors;
pub use volume::{FrameSlot, VolumeBuilder};
pub use write::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION};
