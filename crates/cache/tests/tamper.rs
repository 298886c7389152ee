//! Single bits that somebody (or a failing disk) changed: in the file of the records, in the encrypted images, and, by
//! somebody who has the key, in the rows of the audit trail. Each must be found.
//!
//! `MEDSIGHT_TAMPER` is the number of changes in all (10,000 without it), `MEDSIGHT_SEED` where they begin. Both are printed, and the same numbers change the same bits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::*;
use medsight_audit::{Action, AuditEvent};
use medsight_cache::Cache;
use medsight_vault::Purpose;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// SplitMix64: the same numbers from the same seed everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// How many changes a part makes, with its numbers.
fn sample(part: &str, share_percent: u64) -> (u64, Numbers) {
    let (all, seed) = (number("MEDSIGHT_TAMPER", 10_000), number("MEDSIGHT_SEED", 20_261_122));
    let count = all * share_percent / 100;
    println!("tamper {part}: {count} single bits, seed {seed}");
    (count, Numbers(seed ^ part.len() as u64))
}

/// A cache with two studies and a trail of some checkpoints, closed.
fn closed(folder: &Path) -> PathBuf {
    let cache = filled(folder, 2);
    for number in 0..150 {
        let detail = serde_json::json!({"number": number});
        let study = (number % 3 > 0).then(|| study_uid(number % 3));
        let event =
            AuditEvent::new("reader", Action::StudyOpened, AT, study, detail).because("round of Monday");
        cache.note_event(&event).unwrap();
    }
    drop(cache);
    folder.join("cache")
}

fn flip(file: &Path, byte: u64, bit: u64) {
    let mut file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut one = [0];
    file.seek(SeekFrom::Start(byte)).unwrap();
    file.read_exact(&mut one).unwrap();
    file.seek(SeekFrom::Start(byte)).unwrap();
    file.write_all(&[one[0] ^ (1 << bit)]).unwrap();
}

/// Whether opening the cache or `cache check --read-data` says that something is wrong.
fn is_found(folder: &Path) -> bool {
    match Cache::open_read_only(folder, &key()) {
        Err(_) => true,
        Ok(cache) => cache.check(true, |_, _| {}).map_or(true, |report| !report.damaged.is_empty()),
    }
}

#[test]
fn a_single_changed_bit_in_the_file_of_the_records_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path());
    assert!(!is_found(&path), "nothing is wrong before");
    let file = path.join("records.db");
    let bytes = std::fs::metadata(&file).unwrap().len();
    let (count, mut numbers) = sample("records", 30);
    for _ in 0..count {
        let (byte, bit) = (numbers.next(bytes), numbers.next(8));
        flip(&file, byte, bit);
        assert!(is_found(&path), "bit {bit} of byte {byte} of {bytes}");
        flip(&file, byte, bit);
    }
    assert!(!is_found(&path), "nothing is wrong after");
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
}

#[test]
fn a_single_changed_bit_in_an_encrypted_image_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path());
    let mut blobs = Vec::new();
    files(&path.join("blobs"), &mut blobs);
    assert_eq!(blobs.len(), 12);
    let (count, mut numbers) = sample("blobs", 30);
    for _ in 0..count {
        let blob = &blobs[numbers.next(blobs.len() as u64) as usize];
        let (byte, bit) = (numbers.next(std::fs::metadata(blob).unwrap().len()), numbers.next(8));
        flip(blob, byte, bit);
        assert!(is_found(&path), "bit {bit} of byte {byte}");
        flip(blob, byte, bit);
    }
    assert!(!is_found(&path), "nothing is wrong after");
}

const COLUMNS: [(&str, &[&str]); 2] = [
    ("audit", &["sequence", "who", "what", "at", "study", "detail", "hash", "form", "patient", "more"]),
    ("audit_checkpoints", &["sequence", "hash", "at", "signature"]),
];

/// The value with one bit changed; nothing for NULL and for what is empty.
fn changed(value: &Value, numbers: &mut Numbers) -> Option<Value> {
    let mut flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let at = (!bytes.is_empty()).then(|| numbers.next(bytes.len() as u64) as usize)?;
        bytes[at] ^= 1 << numbers.next(8);
        Some(bytes)
    };
    match value {
        Value::Integer(number) => {
            let bytes = flipped(&number.to_be_bytes())?;
            Some(Value::Integer(i64::from_be_bytes(bytes.try_into().unwrap())))
        }
        Value::Text(text) => flipped(text.as_bytes()).map(Value::Blob),
        Value::Blob(bytes) => flipped(bytes).map(Value::Blob),
        Value::Null | Value::Real(_) => None,
    }
}

#[test]
fn a_single_changed_bit_in_a_row_of_the_trail_is_found_though_the_key_was_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path());
    let db = Connection::open(path.join("records.db")).unwrap();
    let raw_key = key().derive(Purpose::Records).to_hex();
    db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", *raw_key)).unwrap();
    db.execute_batch("DROP TRIGGER audit_no_update; PRAGMA synchronous = OFF").unwrap();
    let reading = Cache::open_read_only(&path, &key()).unwrap();
    assert!(reading.verify_audit().unwrap().is_ok());
    let (count, mut numbers) = sample("rows", 40);
    let mut done = 0;
    while done < count {
        // One checkpoint for many events: most changes go to the events.
        let (table, columns) = COLUMNS[usize::from(numbers.next(10) == 0)];
        let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        let row: i64 = db
            .query_row(
                &format!("SELECT rowid FROM {table} LIMIT 1 OFFSET ?1"),
                [numbers.next(rows.unsigned_abs()) as i64],
                |row| row.get(0),
            )
            .unwrap();
        let column = columns[numbers.next(columns.len() as u64) as usize];
        let select = format!("SELECT {column} FROM {table} WHERE rowid = ?1");
        let before: Value = db.query_row(&select, [row], |row| row.get(0)).unwrap();
        let Some(after) = changed(&before, &mut numbers) else { continue };
        let as_text = if matches!(before, Value::Text(_)) { "CAST(?1 AS TEXT)" } else { "?1" };
        let update = format!("UPDATE {table} SET {column} = {as_text} WHERE rowid = ?2");
        // A number that another row has already cannot be given twice.
        if db.execute(&update, (&after, row)).is_err() {
            continue;
        }
        let found = reading.verify_audit().map_or(true, |trail| trail.is_err());
        assert!(found, "{table}.{column} of row {row}: {before:?} became {after:?}");
        let moved = match (&after, column) {
            (Value::Integer(number), "sequence") => *number,
            _ => row,
        };
        db.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2"), (&before, moved)).unwrap();
        done += 1;
    }
    assert!(reading.verify_audit().unwrap().is_ok(), "nothing is wrong after");
}
