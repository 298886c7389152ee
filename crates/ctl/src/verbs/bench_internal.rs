//! `bench-internal`: the parts of `cargo xtask bench cache` and `bench codecs` that must run inside a process. Not for users.

use super::store::{Store, fail};
use crate::files;
use crate::output::{Exit, Output};
use medsight_base::DicomDate;
use medsight_cache::{CacheError, DateRange, Filter, Query, Sort, synthetic};
use medsight_codec::FrameDecoder;
use medsight_dicom::Object;
use medsight_infer::{Compute, Grid, NnunetModel, NnunetShape, Progress, Shape, Weights, pass};
use medsight_record::{
    Annotation, AnnotationId, AnnotationKind, Measured, Place, ReadState, RecordCommand, Refusal, ScaleSource,
};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Parts of the benchmarks.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Times typical queries over invented studies.
    Worklist {
        /// Studies to invent.
        #[arg(long, default_value_t = 100_000)]
        studies: usize,
        #[command(flatten)]
        store: Store,
    },
    /// Decodes all frames of a file, several times; the fastest of them counts.
    Decode {
        /// The file.
        file: PathBuf,
        /// Threads, over the frames.
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Makes a cache in which as many measurements wait for other systems, on invented studies.
    Queue {
        /// Measurements to queue.
        #[arg(long, default_value_t = 1000)]
        events: usize,
        #[command(flatten)]
        store: Store,
    },
    /// Times one pass of nnU-Net's plain network over a patch of 96³ voxels, after one that warms up.
    Infer {
        /// Weights of 4 stages of 32 to 256 channels, one input, three outputs.
        weights: PathBuf,
    },
    /// Times a whole image through a model as nnU-Net leaves one: `model` and `image.f32` of the folder; writes `ours.u8` there.
    Segment {
        /// The folder that the peer wrote.
        folder: PathBuf,
    },
    /// Reads every image back through decryption, on one thread.
    ReadBack {
        #[command(flatten)]
        store: Store,
    },
}

/// How often each query is timed.
const ROUNDS: usize = 40;

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let measured = match &args.what {
        What::Worklist { studies, store } => worklist(store, *studies),
        What::ReadBack { store } => read_back(store),
        What::Queue { events, store } => queue(store, *events),
        What::Infer { weights } => match infer(weights) {
            Ok(document) => Ok(document),
            Err(reason) => {
                out.note(&reason);
                return Exit::Damaged;
            }
        },
        What::Segment { folder } => match segment(folder) {
            Ok(document) => Ok(document),
            Err(reason) => {
                out.note(&reason);
                return Exit::Damaged;
            }
        },
        What::Decode { file, threads } => match decode(file, *threads) {
            Ok(document) => Ok(document),
            Err(refusal) => {
                out.note(&refusal.reason);
                return Exit::Damaged;
            }
        },
    };
    match measured {
        Ok(document) => {
            out.document(&document, Value::to_string);
            Exit::Done
        }
        Err(error) => fail(&error, out),
    }
}

fn worklist(store: &Store, studies: usize) -> Result<Value, CacheError> {
    let cache = store.open_or_create()?;
    synthetic::fill(&cache, studies.saturating_sub(cache.usage()?.studies as usize), 7)?;
    let begun = Instant::now();
    cache.facets(&Filter::default())?;
    let first_ms = begun.elapsed().as_secs_f64() * 1e3;
    let text = |text: &str| Filter { text: text.to_owned(), ..Filter::default() };
    let day = DicomDate::parse;
    let last_year = DateRange { from: day("20250101"), to: day("20251231") };
    let ct_unread = Filter {
        modalities: vec!["CT".into(), "MR".into()],
        states: vec![ReadState::Unread],
        dates: last_year,
        ..Filter::default()
    };
    let query = |filter, sort, offset| Query { filter, sort, descending: true, offset, limit: 100 };
    let queries = [
        ("all", query(Filter::default(), Sort::Date, 0)),
        ("all_far_down", query(Filter::default(), Sort::Name, 90_000)),
        ("one_letter", query(text("m"), Sort::Date, 0)),
        ("name", query(text("müller jo"), Sort::Name, 0)),
        ("name_and_description", query(text("garcia thorax"), Sort::Date, 0)),
        ("id", query(text("p00123"), Sort::Id, 0)),
        ("accession", query(text("a0042"), Sort::Accession, 0)),
        ("nothing", query(text("xyzzy"), Sort::Date, 0)),
        ("filters", query(ct_unread.clone(), Sort::Imported, 0)),
        ("filters_and_text", query(Filter { text: "kow".into(), ..ct_unread }, Sort::Description, 0)),
    ];
    let mut taken: Vec<Vec<f64>> = vec![Vec::with_capacity(ROUNDS); queries.len()];
    // The order of a column is made once, when it is first asked for: the first round is not counted. Each query
    // follows another one, so that none is answered by what was kept of itself.
    for round in 0..=ROUNDS {
        for ((_, query), taken) in queries.iter().zip(&mut taken) {
            let begun = Instant::now();
            cache.worklist(query)?;
            cache.facets(&query.filter)?;
            if round > 0 {
                taken.push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let (mut p50, mut p95) = (Map::new(), Map::new());
    for ((name, _), mut ms) in queries.into_iter().zip(taken) {
        ms.sort_by(f64::total_cmp);
        p50.insert(name.to_owned(), json!(ms[ROUNDS / 2]));
        p95.insert(name.to_owned(), json!(ms[ROUNDS * 95 / 100]));
    }
    Ok(json!({"studies": studies, "first_ms": first_ms, "queries_ms": p95, "queries_p50_ms": p50}))
}

/// Edge of the patch that is timed.
const PATCH: usize = 96;

fn infer(weights: &Path) -> Result<Value, String> {
    let shape = Shape::Nnunet(NnunetShape {
        spatial: 3,
        inputs: 1,
        outputs: 3,
        features: vec![32, 64, 128, 256],
        kernels: vec![[3; 3]; 4],
        strides: vec![[1; 3], [2; 3], [2; 3], [2; 3]],
        blocks: vec![2; 4],
        residual: false,
        decoder_blocks: vec![2; 3],
        bias: true,
        epsilon: 1e-5,
        slope: 0.01,
    });
    let compute = Compute::cpu();
    let weights = Weights::open(weights, &[]).map_err(|error| error.to_string())?;
    let network = shape.build(&weights, &compute).map_err(|error| error.to_string())?;
    let values: Vec<f32> = (0..PATCH.pow(3)).map(|at| ((at * 7919) % 2003) as f32 / 1000.0 - 1.0).collect();
    let mut ms = 0.0;
    // The first pass warms up.
    for _ in 0..2 {
        let (values, begun) = (values.clone(), Instant::now());
        pass(network.as_ref(), &compute, values, [1, 1, PATCH, PATCH, PATCH])
            .map_err(|error| error.to_string())?;
        ms = begun.elapsed().as_secs_f64() * 1e3;
    }
    Ok(json!({"ms": ms}))
}

/// Slices, rows and columns of the image that the peer writes, and their distances.
const STUDY: ([usize; 3], [f64; 3]) = ([96, 256, 256], [2.5, 1.2, 1.2]);

fn segment(folder: &Path) -> Result<Value, String> {
    let model =
        NnunetModel::open(&folder.join("model"), &Compute::cpu()).map_err(|error| error.to_string())?;
    let bytes = std::fs::read(folder.join("image.f32")).map_err(|error| error.to_string())?;
    let (dims, spacing_mm) = STUDY;
    let values: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if values.len() != dims.iter().product::<usize>() {
        return Err(format!("image.f32 has {} values", values.len()));
    }
    let begun = Instant::now();
    let labels = model
        .segment(&[Grid { dims, values }], spacing_mm, &Progress::new(&|_| ()))
        .map_err(|error| error.to_string())?;
    let ms = begun.elapsed().as_secs_f64() * 1e3;
    let labels: Vec<u8> = labels.iter().map(|label| *label as u8).collect();
    std::fs::write(folder.join("ours.u8"), labels).map_err(|error| error.to_string())?;
    // At the network's 1.5 mm, patches of 96 voxels every 48.
    let patches = |size: usize, mm: f64| {
        ((size as f64 * mm / 1.5).round() as usize).saturating_sub(96).div_ceil(48) + 1
    };
    let patches: usize = (0..3).map(|axis| patches(dims[axis], spacing_mm[axis])).product();
    Ok(json!({"ms": ms, "patches": patches}))
}

/// A hundred measurements a study, as a day's reading leaves them behind.
fn queue(store: &Store, events: usize) -> Result<Value, CacheError> {
    let cache = store.open_or_create()?;
    let bad = |_| CacheError::BadCommand("the invented UID is not one.");
    synthetic::fill(&cache, events.div_ceil(100), 4711)?;
    let at = super::store::now();
    for n in 0..events {
        let base = format!("2.25.4711.{}", n / 100);
        let annotation = Annotation {
            id: AnnotationId(medsight_sync::fhir::uuid_of(&cache.sync_id()?, "bench", &n.to_string())),
            study: medsight_base::StudyUid::parse(&format!("{base}.1")).map_err(bad)?,
            kind: AnnotationKind::Length,
            place: Place::Image {
                series: medsight_base::SeriesUid::parse(&format!("{base}.2")).map_err(bad)?,
                instance: medsight_base::InstanceUid::parse(&format!("{base}.3")).map_err(bad)?,
                frame: 0,
                points_px: vec![[1.0, 1.0], [2.0, 2.0]],
            },
            measured: Measured {
                length_mm: Some(n as f64 / 10.0),
                scale: Some(ScaleSource::PixelSpacing),
                ..Measured::default()
            },
            changed_at: at,
        };
        cache.apply(&RecordCommand::SaveAnnotation(Box::new(annotation)), "bench", at)?;
    }
    Ok(json!({"events": events}))
}

fn read_back(store: &Store) -> Result<Value, CacheError> {
    let cache = store.open_for_reading()?;
    let page = cache.worklist(&Query { limit: usize::MAX, ..Query::default() })?;
    let mut buffer = Vec::new();
    let (mut bytes, mut seconds) = (0_u64, 0.0);
    for study in page.rows {
        for instance in cache.manifest(&study.uid)?.instances {
            let blob = instance.blob.parse().map_err(|_| CacheError::Damaged("a file name".to_owned()))?;
            let length = usize::try_from(instance.bytes).unwrap_or(usize::MAX);
            if buffer.len() < length {
                buffer.resize(length, 0);
            }
            let begun = Instant::now();
            cache.blobs().open(blob)?.read_into(0, &mut buffer[..length])?;
            seconds += begun.elapsed().as_secs_f64();
            bytes += instance.bytes;
        }
    }
    Ok(json!({"bytes": bytes, "seconds": seconds, "mb_per_s": bytes as f64 / 1e6 / seconds}))
}

/// How often a file is decoded.
const DECODES: usize = 15;

fn decode(file: &Path, threads: usize) -> Result<Value, Refusal> {
    let object = Object::from_vec(files::read(file)?)?;
    let (mut fastest_ms, mut bytes) = (f64::INFINITY, 0);
    for _ in 0..DECODES {
        let begun = Instant::now();
        let decoder = FrameDecoder::new(&object)?;
        let encoded = decoder.encoded();
        bytes = encoded.samples_per_frame() * encoded.frames * (encoded.bits_allocated as usize).div_ceil(8);
        let next = AtomicUsize::new(0);
        let run = || -> Result<(), Refusal> {
            loop {
                let frame = next.fetch_add(1, Ordering::Relaxed);
                if frame >= encoded.frames {
                    return Ok(());
                }
                std::hint::black_box(decoder.decode(frame)?);
            }
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
            let own = run();
            others.into_iter().try_for_each(|other| other.join().unwrap_or(Ok(())))?;
            own
        })?;
        fastest_ms = fastest_ms.min(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(json!({"ms": fastest_ms, "bytes": bytes}))
}
