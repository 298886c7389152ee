//! Pixel data decoders.
