//! Reads the NIfTI-1 volumes of the corpus, as far as they go: one time point, an affine without shear. Only
//! for tests.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its part; a test without samples has failed"
)]

use std::io::Read;
use std::path::Path;

use glam::{DMat4, DQuat, DVec3, DVec4};
use medsight_image::plane::sample;
use medsight_image::{Volume, Voxels};

/// The volume in DICOM's patient axes: NIfTI's x grows to the patient's right-hand side's opposite, so x and
/// y change sign.
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

/// The volume as it would be, had the patient lain otherwise: turned about its middle and shifted, on the
/// same grid, with noise of a standard deviation; and the transform that puts it back.
pub fn moved(volume: &Volume, turn: DQuat, shift_mm: DVec3, noise: f64) -> (Volume, DMat4) {
    let center = volume.center_mm();
    let back = DMat4::from_translation(center + shift_mm)
        * DMat4::from_quat(turn)
        * DMat4::from_translation(-center);
    let voxel_from_voxel = volume.voxel_from_patient() * back * volume.patient_from_voxel;
    let mut state = 9u32;
    let [nx, ny] = [volume.dims[0], volume.dims[1]];
    let value = |i: usize| {
        let p = DVec3::new((i % nx) as f64, (i / nx % ny) as f64, (i / (nx * ny)) as f64);
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let extra = (f64::from(state >> 8) / 16_777_216.0 - 0.5) * 3.46 * noise;
        let found =
            sample(volume, voxel_from_voxel.transform_point3(p).as_vec3()).unwrap_or(volume.min_max[0]);
        (f64::from(found) + extra) as i16
    };
    let voxels = (0..volume.voxels_per_time()).map(value).collect();
    (Volume { voxels: Voxels::I16(voxels).into(), ..volume.clone() }, back)
}

/// Largest distance in millimetres at the corners of the inner half of the volume, and the angle in degrees,
/// between two transforms.
pub fn error(found: &DMat4, truth: &DMat4, volume: &Volume) -> (f64, f64) {
    let (low, high) = volume.bounds_mm();
    let corners = (0..8).map(|i| {
        let part = DVec3::new(f64::from(i & 1), f64::from(i >> 1 & 1), f64::from(i >> 2 & 1)) * 0.5 + 0.25;
        low + (high - low) * part
    });
    let off = |p: DVec3| found.transform_point3(p).distance(truth.transform_point3(p));
    let turn = |m: &DMat4| m.to_scale_rotation_translation().1;
    let angle = turn(found).angle_between(turn(truth)).to_degrees();
    (corners.map(off).fold(0.0, f64::max), angle)
}
