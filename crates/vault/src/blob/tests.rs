//! The promises of the file format: what goes in comes out, and nothing that was touched does.

use super::format::{CHUNK_LOG2, HEADER_LEN, TAG_LEN};
use super::*;
use crate::error::BlobError;
use crate::key::BlobKey;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Small chunks where a test touches every byte.
const SMALL_LOG2: u8 = 12;
const SMALL: usize = 1 << SMALL_LOG2;

fn key() -> BlobKey {
    BlobKey::from_bytes([0x5a; 32])
}

/// No byte pattern that repeats with a chunk.
fn content(length: usize) -> Vec<u8> {
    (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn written(folder: &Path, plain: &[u8], chunk_log2: u8) -> PathBuf {
    let path = folder.join(format!("{}-{chunk_log2}", plain.len()));
    let mut writer = BlobWriter::create_with_chunks(&path, &key(), chunk_log2).unwrap();
    writer.write_all(plain).unwrap();
    assert_eq!(writer.written(), plain.len() as u64);
    writer.finish(Durability::Now).unwrap();
    path
}

/// Reads everything in every way there is; all must agree.
fn read_back(path: &Path) -> Result<Vec<u8>, BlobError> {
    let mut reader = BlobReader::open(path, &key())?;
    let whole = reader.read_all();
    let mut streamed = Vec::new();
    let stream = reader.read_to_end(&mut streamed);
    assert_eq!(whole.is_ok(), stream.is_ok());
    let whole = whole?;
    assert_eq!(whole, streamed);
    Ok(whole)
}

#[test]
fn what_was_written_comes_back_at_every_size_around_a_chunk() {
    let folder = tempfile::tempdir().unwrap();
    for chunk_log2 in [SMALL_LOG2, CHUNK_LOG2] {
        let chunk = 1 << chunk_log2;
        for length in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 77] {
            let plain = content(length);
            let path = written(folder.path(), &plain, chunk_log2);
            assert_eq!(BlobReader::open(&path, &key()).unwrap().len(), length as u64);
            assert_eq!(read_back(&path).unwrap(), plain);
            let chunks = length.div_ceil(chunk).max(1);
            assert_eq!(fs::metadata(&path).unwrap().len(), (HEADER_LEN + length + chunks * TAG_LEN) as u64);
        }
    }
}

#[test]
fn writing_byte_by_byte_gives_the_same_content() {
    let folder = tempfile::tempdir().unwrap();
    let plain = content(2 * SMALL);
    let path = folder.path().join("x");
    let mut writer = BlobWriter::create_with_chunks(&path, &key(), SMALL_LOG2).unwrap();
    for byte in &plain {
        writer.write_all(&[*byte]).unwrap();
    }
    writer.finish(Durability::Later).unwrap();
    assert_eq!(read_back(&path).unwrap(), plain);
}

#[test]
fn a_change_of_any_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &content(SMALL + 100), SMALL_LOG2);
    let good = fs::read(&path).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let mut put = |at: usize, byte: u8| {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    for (at, byte) in good.iter().enumerate() {
        put(at, byte ^ (1 << (at % 8)));
        assert!(read_back(&path).is_err(), "a change of byte {at} went unnoticed");
        put(at, *byte);
    }
    assert!(read_back(&path).is_ok());
}

#[test]
fn a_file_cut_anywhere_is_noticed_even_between_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &content(3 * SMALL), SMALL_LOG2);
    let good = fs::read(&path).unwrap();
    let stored = SMALL + TAG_LEN;
    let borders = (0..3).map(|i| HEADER_LEN + i * stored);
    for length in borders.chain([0, 10, good.len() - 1, good.len() - TAG_LEN, HEADER_LEN + stored + 5]) {
        fs::write(&path, &good[..length]).unwrap();
        assert!(read_back(&path).is_err(), "a cut to {length} bytes went unnoticed");
    }
}

#[test]
fn a_cut_file_says_damaged_where_a_range_or_the_end_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &content(3 * SMALL), SMALL_LOG2);
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..HEADER_LEN + 2 * (SMALL + TAG_LEN)]).unwrap();
    let mut reader = BlobReader::open(&path, &key()).unwrap();
    assert!(matches!(reader.read_range(2 * SMALL as u64, 10), Err(BlobError::Damaged { part: 1 })));
    assert!(reader.seek(SeekFrom::End(0)).is_err());
}

#[test]
fn chunks_that_were_swapped_added_or_taken_from_another_file_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &content(3 * SMALL), SMALL_LOG2);
    let good = fs::read(&path).unwrap();
    let stored = SMALL + TAG_LEN;
    let chunk = |i: usize| HEADER_LEN + i * stored..HEADER_LEN + (i + 1) * stored;
    let check = |bad: Vec<u8>| {
        fs::write(&path, bad).unwrap();
        assert!(matches!(read_back(&path), Err(BlobError::Damaged { .. })));
    };
    let mut swapped = good.clone();
    swapped[chunk(0)].copy_from_slice(&good[chunk(1)]);
    swapped[chunk(1)].copy_from_slice(&good[chunk(0)]);
    check(swapped);
    check([good.as_slice(), &good[chunk(2)]].concat());
    let other_folder = tempfile::tempdir().unwrap();
    let other = fs::read(written(other_folder.path(), &content(3 * SMALL), SMALL_LOG2)).unwrap();
    let mut mixed = good.clone();
    mixed[chunk(1)].copy_from_slice(&other[chunk(1)]);
    check(mixed);
}

#[test]
fn another_key_is_told_apart_from_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &content(100), SMALL_LOG2);
    let other = BlobKey::from_bytes([1; 32]);
    assert!(matches!(BlobReader::open(&path, &other), Err(BlobError::WrongKey)));
    let mut bytes = fs::read(&path).unwrap();
    bytes[HEADER_LEN] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let reader = BlobReader::open(&path, &key()).unwrap();
    assert!(matches!(reader.read_all(), Err(BlobError::Damaged { part: 0 })));
    fs::write(&path, b"not one of ours, but long enough to have a header of its own........").unwrap();
    assert!(matches!(BlobReader::open(&path, &key()), Err(BlobError::NotABlob)));
    bytes[4] = 2;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(BlobReader::open(&path, &key()), Err(BlobError::Newer { found: 2, known: 1 })));
}

#[test]
fn any_range_equals_the_same_slice_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let plain = content(5 * SMALL + 17);
    let path = written(folder.path(), &plain, SMALL_LOG2);
    let mut reader = BlobReader::open(&path, &key()).unwrap();
    let borders = [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL, 5 * SMALL, plain.len() - 1, plain.len()];
    for start in borders {
        for end in borders.into_iter().filter(|end| *end >= start) {
            let range = reader.read_range(start as u64, (end - start) as u64).unwrap();
            assert_eq!(range, &plain[start..end]);
            reader.seek(SeekFrom::Start(start as u64)).unwrap();
            let mut streamed = vec![0; end - start];
            reader.read_exact(&mut streamed).unwrap();
            assert_eq!(streamed, &plain[start..end]);
        }
    }
    assert_eq!(reader.seek(SeekFrom::End(-5)).unwrap(), plain.len() as u64 - 5);
    assert!(reader.seek(SeekFrom::Current(-(plain.len() as i64))).is_err());
    let past = reader.read_range(plain.len() as u64 - 1, 2);
    assert!(matches!(past, Err(BlobError::OutOfRange { .. })));
    assert!(matches!(reader.read_range(u64::MAX, u64::MAX), Err(BlobError::OutOfRange { .. })));
}

#[test]
fn a_writer_that_is_interrupted_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut writer = BlobWriter::create(&path, &key()).unwrap();
    writer.write_all(&content(1 << 20)).unwrap();
    assert!(!path.exists());
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn no_plaintext_reaches_the_disk_and_equal_content_looks_different() {
    let folder = tempfile::tempdir().unwrap();
    let plain = b"PATIENT^NAME ".repeat(100_000);
    let path = folder.path().join("x");
    let mut writer = BlobWriter::create(&path, &key()).unwrap();
    writer.write_all(&plain).unwrap();
    let part = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let unfinished = fs::read(part).unwrap();
    assert!(unfinished.len() > 1 << 20);
    writer.finish(Durability::Now).unwrap();
    let first = fs::read(&path).unwrap();
    for bytes in [&unfinished, &first] {
        assert!(!bytes.windows(12).any(|window| window == b"PATIENT^NAME"));
    }
    let second = fs::read(written(folder.path(), &plain, CHUNK_LOG2)).unwrap();
    assert_ne!(first[HEADER_LEN..], second[HEADER_LEN..]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_called_that() {
    // Every write to this device fails for want of space.
    let error: BlobError =
        fs::OpenOptions::new().write(true).open("/dev/full").unwrap().write_all(&[0]).unwrap_err().into();
    assert_eq!(error.code(), "blob.disk-full");
}

/// Several threads read one open file, as the light box does while a volume loads.
#[test]
fn several_threads_read_one_open_file() {
    let folder = tempfile::tempdir().unwrap();
    let plain = content(40 * SMALL);
    let reader = BlobReader::open(&written(folder.path(), &plain, SMALL_LOG2), &key()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (reader, plain) = (&reader, &plain);
            scope.spawn(move || {
                for start in (thread * 100..plain.len() - 5000).step_by(7_001) {
                    let range = reader.read_range(start as u64, 5000).unwrap();
                    assert_eq!(range, &plain[start..start + 5000]);
                }
            });
        }
    });
}

#[test]
fn what_is_sealed_in_memory_is_a_file_of_the_format_and_opens_only_whole() {
    let chunk = 1 << CHUNK_LOG2;
    for length in [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk] {
        let plain = content(length);
        let (front, back) = plain.split_at(length / 3);
        let mut sealed = b"before".to_vec();
        seal(&key(), &[front, back], &mut sealed).unwrap();
        let sealed = &sealed[b"before".len()..];
        assert_eq!(unseal(&key(), sealed).unwrap(), plain);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, sealed).unwrap();
        assert_eq!(read_back(&path).unwrap(), plain);
        for cut in [0, HEADER_LEN, sealed.len() - 1] {
            assert!(unseal(&key(), &sealed[..cut]).is_err(), "cut to {cut}");
        }
        let mut changed = sealed.to_vec();
        let at = changed.len() - 1 - length / 2;
        changed[at] ^= 1;
        assert!(unseal(&key(), &changed).is_err(), "changed at {at}");
    }
}
