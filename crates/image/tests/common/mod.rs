//! Reads the NIfTI-1 volumes of the corpus, as far as they go: one time point, an affine without shear. Only for tests.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its part; a test without samples has failed")]

use std::io::Read;
use std::path::Path;

use glam::{DMat4, DVec3, DVec4};
use medsight_image::{Volume, Voxels};

/// The volume in DICOM's patient axes: NIfTI's x grows to the patient's right-hand side's opposite, so x and y change sign.
pub fn read(path: &Path, unit: &str) -> Volume {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let short = |at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let float = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let dims = [1, 2, 3].map(|i| short(40 + 2 * i) as usize);
    let data = &bytes[float(108) as usize..];
    let (slope, intercept) = (if float(112) == 0.0 { 1.0 } else { float(112) }, float(116));
    let stored: Vec<f32> = match short(70) {
        2 => data.iter().map(|b| f32::from(*b)).collect(),
        4 => data.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]]))).collect(),
        8 => data.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
        512 => data.chunks_exact(2).map(|b| f32::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
        16 => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        other => panic!("data type {other}"),
    };
    let values: Vec<i16> = stored
        .iter()
        .take(dims.iter().product())
        .map(|v| (v * slope + intercept).round().clamp(-32768.0, 32767.0) as i16)
        .collect();
    let row = |r: usize| [0, 1, 2, 3].map(|c| f64::from(float(280 + 16 * r + 4 * c)));
    let sign = [-1.0, -1.0, 1.0];
    let columns = [0, 1, 2, 3].map(|c| DVec3::from_array([0, 1, 2].map(|r| row(r)[c] * sign[r])));
    let spacing_mm = DVec3::new(columns[0].length(), columns[1].length(), columns[2].length());
    let min = values.iter().min().copied().unwrap_or(0);
    let max = values.iter().max().copied().unwrap_or(0);
    Volume {
        dims: [dims[0], dims[1], dims[2], 1],
        spacing_mm,
        origin_mm: columns[3],
        axes: [0, 1, 2].map(|i| columns[i].normalize()),
        patient_from_voxel: DMat4::from_cols(
            columns[0].extend(0.0),
            columns[1].extend(0.0),
            columns[2].extend(0.0),
            DVec4::from((columns[3], 1.0)),
        ),
        slice_offsets_mm: Vec::new(),
        voxels: Voxels::I16(values).into(),
        time: 0,
        min_max: [f32::from(min), f32::from(max)],
        unit: unit.to_owned(),
        warnings: Vec::new(),
    }
}
