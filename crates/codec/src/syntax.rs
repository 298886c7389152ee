//! Transfer syntaxes (PS3.5 annex A, PS3.6 A) and what decodes their pixels.

use medsight_dicom::is_video;
use medsight_record::Refusal;

/// How pixels are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all, or only together with the whole data set.
    None,
    /// Each frame deflated.
    DeflatedFrame,
    /// Each frame encapsulated without compression.
    EncapsulatedNative,
    /// PackBits on byte planes (PS3.5 annex G).
    Rle,
    /// JPEG, any process; the frame's own header says which.
    Jpeg,
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000 and HTJ2K.
    Jpeg2000,
    /// JPEG XL.
    JpegXl,
}

const TABLE: &[(&str, Option<Compression>, &str)] = &[
    ("", Some(Compression::None), "Implicit VR Little Endian"),
    (".1", Some(Compression::None), "Explicit VR Little Endian"),
    (".2", Some(Compression::None), "Explicit VR Big Endian"),
    (".1.98", Some(Compression::EncapsulatedNative), "Encapsulated Uncompressed"),
    (".1.99", Some(Compression::None), "Deflated Explicit VR Little Endian"),
    (".8.1", Some(Compression::DeflatedFrame), "Deflated Image Frame"),
    (".5", Some(Compression::Rle), "RLE Lossless"),
    (".4.50", Some(Compression::Jpeg), "JPEG Baseline"),
    (".4.51", Some(Compression::Jpeg), "JPEG Extended"),
    (".4.53", Some(Compression::Jpeg), "JPEG Spectral Selection"),
    (".4.55", Some(Compression::Jpeg), "JPEG Full Progression"),
    (".4.57", Some(Compression::Jpeg), "JPEG Lossless"),
    (".4.70", Some(Compression::Jpeg), "JPEG Lossless, First-Order Prediction"),
    (".4.80", Some(Compression::JpegLs), "JPEG-LS Lossless"),
    (".4.81", Some(Compression::JpegLs), "JPEG-LS Near-Lossless"),
    (".4.90", Some(Compression::Jpeg2000), "JPEG 2000 Lossless"),
    (".4.91", Some(Compression::Jpeg2000), "JPEG 2000"),
    (".4.201", Some(Compression::Jpeg2000), "HTJ2K Lossless"),
    (".4.202", Some(Compression::Jpeg2000), "HTJ2K Lossless RPCL"),
    (".4.203", Some(Compression::Jpeg2000), "HTJ2K"),
    (".4.110", Some(Compression::JpegXl), "JPEG XL Lossless"),
    (".4.111", Some(Compression::JpegXl), "JPEG XL JPEG Recompression"),
    (".4.112", Some(Compression::JpegXl), "JPEG XL"),
    (".4.92", None, "JPEG 2000 Part 2 Lossless"),
    (".4.93", None, "JPEG 2000 Part 2"),
    (".4.94", None, "JPIP Referenced"),
    (".4.95", None, "JPIP Referenced Deflate"),
    (".4.204", None, "JPIP HTJ2K Referenced"),
    (".4.205", None, "JPIP HTJ2K Referenced Deflate"),
    (".4.100", None, "MPEG2 Main Profile / Main Level"),
    (".4.101", None, "MPEG2 Main Profile / High Level"),
    (".4.102", None, "MPEG-4 AVC/H.264 High Profile / Level 4.1"),
    (".4.103", None, "MPEG-4 AVC/H.264 BD-compatible"),
    (".4.104", None, "MPEG-4 AVC/H.264 for 2D video"),
    (".4.105", None, "MPEG-4 AVC/H.264 for 3D video"),
    (".4.106", None, "MPEG-4 AVC/H.264 stereo"),
    (".4.107", None, "HEVC/H.265 Main Profile"),
    (".4.108", None, "HEVC/H.265 Main 10 Profile"),
];

/// GE's private syntax: implicit little endian with big-endian pixels.
const GE_PRIVATE: &str = "1.2.840.113619.5.2";

fn row(uid: &str) -> Option<&'static (&'static str, Option<Compression>, &'static str)> {
    let tail = uid.strip_prefix("1.2.840.10008.1.2")?;
    // MPEG syntaxes in fragments carry a `.1` behind (PS3.5 A.4.6).
    let plain = tail.strip_suffix(".1").filter(|t| t.starts_with(".4.10") && t.len() == 6);
    TABLE.iter().find(|(end, ..)| *end == plain.unwrap_or(tail))
}

/// The name of a transfer syntax, for people; the UID itself when it is not known.
pub fn transfer_syntax_name(uid: &str) -> &str {
    if uid == GE_PRIVATE {
        return "GE Private Implicit VR, Big Endian pixels";
    }
    row(uid).map_or(uid, |(_, _, name)| name)
}

/// What decodes a transfer syntax.
///
/// # Errors
/// `unsupported`, with the name.
pub(crate) fn compression(uid: &str) -> Result<Compression, Refusal> {
    if uid == GE_PRIVATE {
        return Ok(Compression::None);
    }
    row(uid).and_then(|(_, compression, _)| *compression).ok_or_else(|| {
        if is_video(uid) {
            return Refusal::new(
                "video",
                format!(
                    "The file is a film: Transfer Syntax UID (0002,0010) is {} ({uid}). The desk plays it, \
                     from the panel of its study; another program can once it is exported.",
                    transfer_syntax_name(uid)
                ),
            );
        }
        Refusal::new(
            "unsupported",
            format!(
                "Transfer Syntax UID (0002,0010) is {} ({uid}), which cannot be decoded here. \
                 Ask the sender for another transfer syntax.",
                transfer_syntax_name(uid)
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_is_called_a_film_and_by_its_name() {
        for (uid, name) in [
            ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level"),
            ("1.2.840.10008.1.2.4.102.1", "MPEG-4 AVC/H.264 High Profile"),
            ("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile"),
        ] {
            let refusal = compression(uid).unwrap_err();
            assert_eq!(refusal.code, "video");
            assert!(
                refusal.reason.contains("is a film") && refusal.reason.contains(name),
                "{}",
                refusal.reason
            );
        }
        assert_eq!(compression("1.2.840.10008.1.2.4.94").unwrap_err().code, "unsupported");
    }
}
