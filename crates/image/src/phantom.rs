//! Made-up volumes for tests and measurements: a head of simple shapes, and a ramp with known values.
//!
//! No patient was ever in them. Not a test object of any standard.

use glam::DVec3;
use medsight_base::geometry::patient_from_voxel;

use crate::volume::{Volume, Voxels};

/// A volume with unit axes, its centre at the patient origin.
pub fn volume(dims: [usize; 3], spacing_mm: DVec3, voxels: Vec<i16>) -> Volume {
    let last = DVec3::new(dims[0] as f64, dims[1] as f64, dims[2] as f64) - 1.0;
    let origin_mm = last * spacing_mm * -0.5;
    let axes = [DVec3::X, DVec3::Y, DVec3::Z];
    let min = voxels.iter().copied().min().unwrap_or(0);
    let max = voxels.iter().copied().max().unwrap_or(0);
    Volume {
        dims: [dims[0], dims[1], dims[2], 1],
        spacing_mm,
        origin_mm,
        axes,
        patient_from_voxel: patient_from_voxel(origin_mm, axes, spacing_mm),
        slice_offsets_mm: Vec::new(),
        voxels: Voxels::I16(voxels).into(),
        time: 0,
        min_max: [f32::from(min), f32::from(max)],
        unit: "HU".to_owned(),
        warnings: Vec::new(),
    }
}

/// Value = 10 x + y + 100 z (column, row, slice), spacing 1 mm: linear, so interpolation is exact.
pub fn ramp(dims: [usize; 3]) -> Volume {
    let at = |x: usize, y: usize, z: usize| (10 * x + y + 100 * z) as i16;
    volume(dims, DVec3::ONE, filled(dims, at))
}

/// A head in Hounsfield units: air, skin and brain, a skull with its openings for the eyes, ventricles, a bright ball on the
/// patient's left and a dark one near the vertex; fine noise everywhere.
pub fn head(dims: [usize; 3], spacing_mm: f64) -> Volume {
    let half = DVec3::new(dims[0] as f64, dims[1] as f64, dims[2] as f64) * 0.5;
    let [bright, dark] = [BRIGHT, DARK];
    let at = |x: usize, y: usize, z: usize| {
        let p = (DVec3::new(x as f64, y as f64, z as f64) + 0.5 - half) / half;
        let noise = noise(x, y, z);
        let r = (p / DVec3::new(0.78, 0.92, 0.88)).length();
        let eye = ((p - DVec3::new(p.x.signum() * 0.32, -0.75, 0.1)) / DVec3::new(0.19, 0.4, 0.15)).length();
        let hu = match r {
            _ if r > 1.0 => -1000.0,
            _ if eye < 1.0 && r > 0.7 => 5.0,
            _ if r > 0.93 => 40.0,
            _ if r > 0.83 => 700.0 + 900.0 * (1.0 - ((r - 0.88) / 0.05).powi(2)),
            _ if (p - bright).length() < 0.13 => 900.0,
            _ if (p - dark).length() < 0.13 => -100.0,
            _ if ((p.abs() - DVec3::new(0.12, 0.0, 0.1)) / DVec3::new(0.08, 0.35, 0.14)).length() < 1.0 => {
                8.0
            }
            _ => 35.0,
        };
        (hu + noise) as i16
    };
    volume(dims, DVec3::splat(spacing_mm), filled(dims, at))
}

const BRIGHT: DVec3 = DVec3::new(0.45, 0.0, 0.1);
const DARK: DVec3 = DVec3::new(0.0, 0.0, 0.5);

/// Centres of the bright and the dark ball of [`head`].
pub fn landmarks_mm(volume: &Volume) -> [DVec3; 2] {
    let dims = DVec3::new(volume.dims[0] as f64, volume.dims[1] as f64, volume.dims[2] as f64);
    [BRIGHT, DARK].map(|p| {
        let voxel = (p * 0.5 + 0.5) * dims - 0.5;
        volume.patient_from_voxel.transform_point3(voxel)
    })
}

fn filled(dims: [usize; 3], at: impl Fn(usize, usize, usize) -> i16) -> Vec<i16> {
    let mut voxels = Vec::with_capacity(dims[0] * dims[1] * dims[2]);
    for z in 0..dims[2] {
        for y in 0..dims[1] {
            voxels.extend((0..dims[0]).map(|x| at(x, y, z)));
        }
    }
    voxels
}

/// Between −12 and 12, the same in every run.
fn noise(x: usize, y: usize, z: usize) -> f64 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    h ^= (z as u32).wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    f64::from(h >> 16) / 65536.0 * 24.0 - 12.0
}
