//! Pixel data decoders, and whole series into volumes.
//!
//! - [`FrameDecoder`] and [`decode_frame`]: any frame of any supported transfer syntax, as stored values.
//! - [`decode_shown`]: what is looked at as one image, where tiles of a slide are put together.
//! - [`FrameFile`]: single frames of a file of any size, without reading the rest of it.
//! - [`load_series`]: files into stacks and volumes, first image first, on several threads.
//! - [`ByteSource`]: where the files' bytes come from: folders here, encrypted blobs elsewhere.
//!
//! JPEG (8 bit and lossless), JPEG 2000, HTJ2K and JPEG XL come from public crates, of which OpenJPEG is in C; 12-bit
//! JPEG, JPEG-LS and RLE are here, because no maintained crate without C++ decodes them. Every decoder runs behind
//! [`guard`]: what the file claims is checked against what it holds before memory is taken, and a decoder's panic becomes
//! a refusal. Never linked into the desk.

mod decode;
mod fragment_index;
mod fragments;
mod frame_file;
mod guard;
mod jpeg;
mod jpeg12;
mod jpeg2000;
mod jpegls;
mod jpegxl;
mod load;
mod native;
mod rle;
mod samples;
mod scan;
mod slide;
mod source;
mod syntax;

pub use decode::{FrameDecoder, decode_frame};
pub use frame_file::FrameFile;
pub use load::{LoadEvent, LoadOptions, LoadedSeries, Seconds, SkippedFile, build_volume, load_series};
pub use scan::{Scan, SeriesScan, scan_headers};
pub use slide::decode_shown;
pub use source::{ByteSource, FolderSource};
pub use syntax::{Compression, transfer_syntax_name};
