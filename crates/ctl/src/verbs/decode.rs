//! `decode PATH…`: every frame of every file, its hash and statistics. The measure of all decoders.

use crate::files::{self, path_text};
use crate::output::{Exit, Output};
use medsight_codec::{FrameDecoder, transfer_syntax_name};
use medsight_dicom::Object;
use medsight_image::{Samples, with_samples};
use medsight_record::Refusal;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Decode every frame and print its hash and statistics.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files or folders.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    files: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Decoded(Box<Decoded>),
    Refused { file: String, error: Refusal },
}

#[derive(Serialize)]
struct Decoded {
    file: String,
    transfer_syntax: String,
    rows: usize,
    columns: usize,
    frames: usize,
    samples: usize,
    bits_allocated: u32,
    bits_stored: u32,
    pixel_representation: u8,
    photometric: String,
    sha256: Vec<String>,
    min: Vec<f64>,
    max: Vec<f64>,
    mean: Vec<f64>,
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let (found, missing) = files::collect(&args.paths);
    let total = found.len();
    let mut files = Vec::with_capacity(total);
    for (index, path) in found.iter().enumerate() {
        out.progress("Decoding", index, total);
        files.push(match decode(path) {
            Ok(decoded) => Entry::Decoded(Box::new(decoded)),
            Err(error) => Entry::Refused { file: path_text(path), error },
        });
    }
    out.progress("", 0, 0);
    let refused = files.iter().any(|entry| matches!(entry, Entry::Refused { .. }));
    out.document(&Document { files }, text);
    files::exit(&missing, refused, out)
}

fn decode(path: &Path) -> Result<Decoded, Refusal> {
    let object = Object::from_vec(files::read(path)?)?;
    let decoder = FrameDecoder::new(&object)?;
    let encoded = decoder.encoded().clone();
    let mut decoded = Decoded {
        file: path_text(path),
        transfer_syntax: object.transfer_syntax().to_owned(),
        rows: encoded.rows,
        columns: encoded.columns,
        frames: encoded.frames,
        samples: encoded.samples_per_pixel,
        bits_allocated: encoded.bits_allocated,
        bits_stored: encoded.bits_stored,
        pixel_representation: u8::from(encoded.signed),
        photometric: encoded.photometric.clone(),
        sha256: Vec::new(),
        min: Vec::new(),
        max: Vec::new(),
        mean: Vec::new(),
    };
    for facts in on_all_cores(encoded.frames, |frame| {
        let samples = decoder.decode(frame)?.samples;
        Ok((hash(&samples), samples.min_max_mean().unwrap_or_default()))
    })? {
        let (sha256, (min, max, mean)) = facts;
        decoded.sha256.push(sha256);
        decoded.min.push(min);
        decoded.max.push(max);
        decoded.mean.push(mean);
    }
    Ok(decoded)
}

/// What `each` says of every frame, in their order; of several refusals the one of the first frame.
fn on_all_cores<T: Send>(
    frames: usize,
    each: impl Fn(usize) -> Result<T, Refusal> + Sync,
) -> Result<Vec<T>, Refusal> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let frame = next.fetch_add(1, Ordering::Relaxed);
            if frame >= frames {
                return done;
            }
            let said = each(frame);
            let is_last = said.is_err();
            done.push((frame, said));
            if is_last {
                // Frames behind this one are not wanted; those before it are somebody's already.
                next.store(frames, Ordering::Relaxed);
            }
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(frames)).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(frame, _)| *frame);
    done.into_iter().map(|(_, said)| said).collect()
}

/// Hash of the little-endian bytes, without a copy where the machine is little-endian too.
fn hash(samples: &Samples) -> String {
    if cfg!(target_endian = "little") {
        with_samples!(samples, values => files::sha256(bytemuck::cast_slice(values)))
    } else {
        files::hex(&Sha256::digest(samples.to_le_bytes()))
    }
}

fn text(document: &Document) -> String {
    let lines = document.files.iter().map(|entry| match entry {
        Entry::Decoded(d) => format!(
            "{}  {} × {}, {} frames, {}, {}",
            d.file,
            d.columns,
            d.rows,
            d.frames,
            d.photometric,
            transfer_syntax_name(&d.transfer_syntax)
        ),
        Entry::Refused { file, error } => format!("{file}  REFUSED: {}", error.reason),
    });
    lines.collect::<Vec<_>>().join("\n")
}
