//! Checkpoints of PyTorch: a pickle with the names and shapes, and the numbers beside it.
//!
//! A pickle may name any function of Python to be called when it is opened. None is called here; and a checkpoint that
//! names one that makes no tensors is refused, because it was made to do something else.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use half::{bf16, f16};
use pytorch_reader::{DType, PickleValue, PytorchError, PytorchReader, Tensor};

use super::pickle::{PickleFault, globals};
use super::{Stored, WeightsError};

/// The longest pickle of a checkpoint: names, shapes and settings of a training, without the numbers.
const LONGEST_PICKLE: u64 = 64 << 20;
/// Pickles at the beginning of a checkpoint of the form before PyTorch 1.6: magic number, version, system, weights.
const LEGACY_PICKLES: usize = 4;

/// What makes tensors, and the settings of a training that stand beside them in nnU-Net's and MONAI's checkpoints.
const HARMLESS: [&str; 34] = [
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "collections.OrderedDict",
    "collections.defaultdict",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "torch.Size",
    "torch.Tensor",
    "torch._tensor._rebuild_from_type_v2",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch.device",
    "torch.nn.parameter.Parameter",
    "torch.storage.TypedStorage",
    "torch.storage.UntypedStorage",
    "torch.torch_version.TorchVersion",
    "builtins.set",
    "builtins.dict",
    "builtins.list",
    "builtins.tuple",
    "builtins.slice",
    "__builtin__.set",
];
/// Kinds of numbers that are named alone: `torch.float32`, `numpy.float64`.
const NUMBERS: [&str; 14] = [
    "float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "bool", "half", "float", "long",
];

pub(super) fn read(path: &Path, entries: &[&str]) -> Result<Vec<(String, Stored)>, WeightsError> {
    refuse_calls(path)?;
    let root = PytorchReader::read_pickle_data(path, None).map_err(failed)?;
    let PickleValue::Dict(keys) = &root else {
        return Err(WeightsError::Format("its root is no table of names".to_owned()));
    };
    let reader = match entries.iter().find(|entry| keys.contains_key(**entry)) {
        Some(entry) => PytorchReader::with_top_level_key(path, entry),
        None => PytorchReader::new(path),
    };
    let tensors = reader.map_err(failed)?.into_tensors();
    if tensors.is_empty() {
        return Err(WeightsError::NoEntry(entries.join(" or ")));
    }
    // One number may stand for many (a stride of 0): no network's weights are so, and a short file would fill all memory.
    let length = std::fs::metadata(path)?.len();
    if let Some((name, _)) = tensors.iter().find(|(_, tensor)| tensor.byte_len() as u64 > length) {
        return Err(WeightsError::Format(format!("layer {name} is longer than the file")));
    }
    Ok(tensors.into_iter().map(|(name, tensor)| (name, stored(tensor))).collect())
}

fn stored(tensor: Tensor) -> Stored {
    Stored { shape: tensor.shape().to_vec(), read: Box::new(move || numbers(&tensor)) }
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>, WeightsError> {
    let bytes = tensor.read()?;
    let pairs = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    Ok(match tensor.dtype() {
        DType::F32 => bytes.chunks_exact(4).map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect(),
        DType::F64 => bytemuck::pod_collect_to_vec::<u8, f64>(&bytes).into_iter().map(|x| x as f32).collect(),
        DType::F16 => pairs().map(|b| f16::from_ne_bytes(b).to_f32()).collect(),
        DType::BF16 => pairs().map(|b| bf16::from_ne_bytes(b).to_f32()).collect(),
        other => return Err(WeightsError::Kind { layer: tensor.name.clone(), kind: format!("{other:?}") }),
    })
}

fn failed(error: PytorchError) -> WeightsError {
    match error {
        PytorchError::Io(error) => WeightsError::Read(error),
        PytorchError::KeyNotFound(key) => WeightsError::NoEntry(key),
        other => WeightsError::Format(other.to_string()),
    }
}

fn refuse_calls(path: &Path) -> Result<(), WeightsError> {
    for pickle in pickles(path)? {
        match pickle.into_iter().find(|name| !is_harmless(name)) {
            Some(name) => return Err(WeightsError::Hostile(name)),
            None => continue,
        }
    }
    Ok(())
}

/// The names in each pickle that opening the checkpoint would run.
fn pickles(path: &Path) -> Result<Vec<Vec<String>>, WeightsError> {
    let mut file = File::open(path)?;
    let mut start = [0; 2];
    file.read_exact(&mut start)?;
    if &start == b"PK" {
        let broken = |error: zip::result::ZipError| WeightsError::Format(error.to_string());
        let mut archive = zip::ZipArchive::new(File::open(path)?).map_err(broken)?;
        let mut found = Vec::new();
        for place in 0..archive.len() {
            let entry = archive.by_index(place).map_err(broken)?;
            // PyTorch compresses nothing: so no entry is longer than the file.
            if entry.compression() != zip::CompressionMethod::Stored {
                return Err(WeightsError::Format("its archive is compressed".to_owned()));
            }
            if entry.name().map_err(broken)?.ends_with(".pkl") {
                found.push(globals(&at_most(entry)?).map_err(unreadable)?.0);
            }
        }
        return Ok(found);
    }
    let bytes = at_most(File::open(path)?.take(LONGEST_PICKLE))?;
    let (mut found, mut at) = (Vec::new(), 0);
    // One pickle alone is a table that some tool wrote.
    while at < bytes.len() && found.len() < LEGACY_PICKLES {
        let (names, length) = globals(&bytes[at..]).map_err(unreadable)?;
        found.push(names);
        at += length;
    }
    Ok(found)
}

fn at_most(source: impl Read) -> Result<Vec<u8>, WeightsError> {
    let mut bytes = Vec::new();
    source.take(LONGEST_PICKLE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LONGEST_PICKLE {
        true => {
            Err(WeightsError::Format(format!("its table of names is longer than {LONGEST_PICKLE} bytes")))
        }
        false => Ok(bytes),
    }
}

fn unreadable(fault: PickleFault) -> WeightsError {
    match fault {
        PickleFault::Hidden => WeightsError::Hostile("a function whose name it hides".to_owned()),
        PickleFault::Short => WeightsError::Format("its table of names ends early".to_owned()),
        PickleFault::Opcode(code) => {
            WeightsError::Format(format!("its table of names holds the byte {code:#04x}"))
        }
    }
}

fn is_harmless(name: &str) -> bool {
    let alone = name.strip_prefix("torch.").or_else(|| name.strip_prefix("numpy."));
    HARMLESS.contains(&name) || alone.is_some_and(|kind| NUMBERS.contains(&kind) || is_storage(kind))
}

/// `FloatStorage`, `HalfStorage`, `LongStorage` …
fn is_storage(kind: &str) -> bool {
    kind.strip_suffix("Storage").is_some_and(|what| what.chars().all(|letter| letter.is_ascii_alphanumeric()))
}
