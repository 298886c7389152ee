//! Safetensors: a length, a table in JSON, and the numbers. <https://github.com/huggingface/safetensors>.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::{Stored, WeightsError};

/// The longest table that is read: the format's own limit.
const LONGEST_TABLE: u64 = 100_000_000;

/// The first eight bytes are the length of a table that begins with a brace.
pub(super) fn is_one(path: &Path) -> Result<bool, WeightsError> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut start = [0_u8; 9];
    if length < 9 {
        return Err(WeightsError::Format(format!("it has {length} bytes")));
    }
    file.read_exact(&mut start)?;
    let [a, b, c, d, e, f, g, h, brace] = start;
    let table = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    Ok(brace == b'{' && table <= LONGEST_TABLE && table <= length - 8)
}

pub(super) fn read(path: &Path) -> Result<Vec<(String, Stored)>, WeightsError> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut start = [0_u8; 8];
    file.read_exact(&mut start)?;
    let mut table = vec![0; u64::from_le_bytes(start) as usize];
    file.read_exact(&mut table)?;
    let metadata: Metadata =
        serde_json::from_slice(&table).map_err(|error| WeightsError::Format(error.to_string()))?;
    let first = table.len() as u64 + 8;
    let mut tensors = Vec::new();
    for (name, info) in metadata.tensors() {
        let (from, to) = info.data_offsets;
        let elements = info.shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        let bytes = elements.and_then(|elements| Some(elements.checked_mul(info.dtype.bitsize())? / 8));
        if bytes.is_none() || to.checked_sub(from) != bytes || to as u64 > length - first {
            let reason =
                format!("layer {name} lies beyond the end of the file, or is not as long as its shape");
            return Err(WeightsError::Format(reason));
        }
        let (path, kind, layer) = (path.to_owned(), info.dtype, name.clone());
        let read = move || numbers(&path, first + from as u64, to - from, kind, &layer);
        tensors.push((name, Stored { shape: info.shape.clone(), read: Box::new(read) }));
    }
    Ok(tensors)
}

fn numbers(
    path: &PathBuf,
    at: u64,
    length: usize,
    kind: Dtype,
    layer: &str,
) -> Result<Vec<f32>, WeightsError> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    let pairs = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    Ok(match kind {
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F64 => bytemuck::pod_collect_to_vec::<u8, f64>(&bytes).into_iter().map(|x| x as f32).collect(),
        Dtype::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        other => return Err(WeightsError::Kind { layer: layer.to_owned(), kind: format!("{other:?}") }),
    })
}
