//! Films made by other people's encoders (`tests/corpus/films`): the stream that is found is the one the encoder wrote.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use medsight_dicom::{Film, FilmContainer, film_coding};
use sha2::{Digest, Sha256};
use std::path::Path;

#[test]
fn every_film_of_the_corpus_is_found_byte_for_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/films");
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    for (name, container, coding) in [
        ("h264_mp4", FilmContainer::Mp4, "MPEG-4 AVC/H.264"),
        ("h264_ts", FilmContainer::TransportStream, "MPEG-4 AVC/H.264"),
        ("mpeg2_stream", FilmContainer::Elementary, "MPEG-2"),
        ("hevc_ts", FilmContainer::TransportStream, "HEVC/H.265"),
    ] {
        let file = std::fs::read(folder.join(name).with_extension("dcm")).unwrap();
        let mut read_at = |at: u64, into: &mut [u8]| {
            into.copy_from_slice(&file[at as usize..at as usize + into.len()]);
            Ok(())
        };
        let film = Film::find(file.len() as u64, &mut read_at).unwrap();
        assert_eq!((film.container, film_coding(&film.transfer_syntax)), (container, coding), "{name}");
        assert_eq!((film.frames, film.rate_hz), (50, Some(25.0)), "{name}");
        // A fragment is of even length: a stream that is not has a zero behind it (PS3.5 A.4).
        let written = expected[name]["bytes"].as_u64().unwrap();
        assert_eq!(film.bytes(), written.next_multiple_of(2), "{name}");
        let stream = film.read(0, written as usize, &mut read_at).unwrap();
        let sha256: String = Sha256::digest(&stream).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sha256, expected[name]["sha256"].as_str().unwrap(), "{name}");
    }
}
