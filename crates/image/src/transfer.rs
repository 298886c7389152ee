//! Transfer functions: which values of a volume are seen in 3D, in which colour, how densely.
//!
//! Opacity is what a millimetre of the material takes away; it is corrected for the step length.
//! The presets are data, in `assets/transfer-functions`.

use serde::Deserialize;

use crate::Volume;

/// A corner of a transfer function; linear between corners, constant outside.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferPoint {
    /// Modality value.
    pub value: f32,
    /// Red, green, blue, `0.0..=1.0`, as on the screen.
    pub color: [f32; 3],
    /// Opacity of one millimetre, `0.0..=1.0`.
    pub opacity: f32,
}

/// Colour and opacity by value.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferFunction {
    points: Vec<TransferPoint>,
}

impl TransferFunction {
    /// `None` unless there are two points at least, in ascending order of value.
    pub fn new(points: Vec<TransferPoint>) -> Option<Self> {
        let ascending = points.windows(2).all(|p| p[0].value < p[1].value);
        (points.len() >= 2 && ascending).then_some(Self { points })
    }

    /// The corners.
    pub fn points(&self) -> &[TransferPoint] {
        &self.points
    }

    /// Lowest and highest corner.
    pub fn range(&self) -> [f32; 2] {
        [self.points[0].value, self.points[self.points.len() - 1].value]
    }

    /// Colour and opacity of a millimetre at a value.
    pub fn at(&self, value: f32) -> ([f32; 3], f32) {
        let after = self.points.partition_point(|p| p.value <= value);
        if after == 0 || after == self.points.len() {
            let end = &self.points[after.saturating_sub(1)];
            return (end.color, end.opacity);
        }
        let (a, b) = (&self.points[after - 1], &self.points[after]);
        let t = (value - a.value) / (b.value - a.value);
        let lerp = |a: f32, b: f32| a + (b - a) * t;
        ([0, 1, 2].map(|i| lerp(a.color[i], b.color[i])), lerp(a.opacity, b.opacity))
    }

    /// Largest opacity of any value in `low..=high`.
    pub fn max_opacity(&self, low: f32, high: f32) -> f32 {
        let inner = self.points.iter().filter(|p| p.value >= low && p.value <= high).map(|p| p.opacity);
        inner.fold(self.at(low).1.max(self.at(high).1), f32::max)
    }

    /// Moved by `by` and stretched about its middle, as a window drag does in 3D.
    #[must_use]
    pub fn moved(&self, by: f32, stretch: f32) -> Self {
        let [low, high] = self.range();
        let (middle, stretch) = ((low + high) / 2.0, stretch.max(1e-3));
        let moved =
            |p: &TransferPoint| TransferPoint { value: middle + (p.value - middle) * stretch + by, ..*p };
        Self { points: self.points.iter().map(moved).collect() }
    }
}

/// Light: Blinn–Phong from the camera, on both sides of a surface.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shading {
    /// Light from everywhere.
    pub ambient: f32,
    /// Light by the angle to the surface.
    pub diffuse: f32,
    /// Strength of the highlight.
    pub specular: f32,
    /// Sharpness of the highlight.
    pub shininess: f32,
}

/// How the values along a ray become a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresetMode {
    /// Shaded, front to back.
    Composite,
    /// Maximum intensity.
    Mip,
}

/// What the values of a preset's points mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresetScale {
    /// Hounsfield units.
    Hu,
    /// 0 is the 1st, 1 the 99.5th percentile of the volume: MR has no absolute scale.
    Relative,
}

/// A named look for 3D.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// `ct_bone`, `mr_head`…; the key of its translated label is `preset-` with this behind it.
    pub name: String,
    /// Modalities (0008,0060) it is offered for; empty means all.
    pub modalities: Vec<String>,
    /// Of the values below.
    pub scale: PresetScale,
    /// Along a ray.
    pub mode: PresetMode,
    /// Light.
    pub shading: Shading,
    /// Corners; for MIP the first and last are the ends of the window.
    pub points: Vec<TransferPoint>,
}

/// The presets of this build, in the order in which they are offered.
const SOURCES: [&str; 8] = [
    include_str!("../../../assets/transfer-functions/ct_bone.toml"),
    include_str!("../../../assets/transfer-functions/ct_soft_tissue.toml"),
    include_str!("../../../assets/transfer-functions/ct_vessels.toml"),
    include_str!("../../../assets/transfer-functions/ct_lung.toml"),
    include_str!("../../../assets/transfer-functions/ct_mip.toml"),
    include_str!("../../../assets/transfer-functions/mr_head.toml"),
    include_str!("../../../assets/transfer-functions/mr_vessels.toml"),
    include_str!("../../../assets/transfer-functions/mr_mip.toml"),
];

/// Why a preset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// Not the form of a preset.
    #[error("transfer function preset: {0}")]
    Form(#[from] toml::de::Error),
    /// Fewer than two points, or not in ascending order.
    #[error("transfer function preset {0}: needs two points at least, in ascending order of value")]
    Points(String),
}

impl Preset {
    /// Reads a preset.
    ///
    /// # Errors
    /// [`PresetError`] for a text that is none.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let preset: Self = toml::from_str(text)?;
        match TransferFunction::new(preset.points.clone()) {
            Some(_) => Ok(preset),
            None => Err(PresetError::Points(preset.name)),
        }
    }

    /// The presets of this build; a test reads every one.
    pub fn all() -> Vec<Self> {
        SOURCES.iter().filter_map(|text| Self::parse(text).ok()).collect()
    }

    /// The preset of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|preset| preset.name == name)
    }

    /// True when it makes sense for the modality (0008,0060).
    pub fn suits(&self, modality: &str) -> bool {
        self.modalities.is_empty() || self.modalities.iter().any(|m| m == modality)
    }

    /// Its transfer function for the values of a volume.
    pub fn transfer_function(&self, volume: &Volume) -> TransferFunction {
        let [low, high] = match self.scale {
            PresetScale::Hu => [0.0, 1.0],
            PresetScale::Relative => percentiles(volume, [0.01, 0.995]),
        };
        let high = if high > low { high } else { low + 1.0 };
        let scaled = |p: &TransferPoint| TransferPoint { value: low + p.value * (high - low), ..*p };
        TransferFunction { points: self.points.iter().map(scaled).collect() }
    }
}

/// Values below which the given shares of the voxels lie; by a histogram of 4096 bins over every
/// seventh voxel of large volumes.
pub fn percentiles<const N: usize>(volume: &Volume, shares: [f32; N]) -> [f32; N] {
    let [min, max] = volume.min_max;
    let width = (max - min).max(f32::MIN_POSITIVE);
    let mut bins = vec![0u64; 4096];
    let first = volume.first_voxel();
    let count = volume.voxels_per_time().min(volume.voxels.len().saturating_sub(first));
    let stride = if count > 1_000_000 { 7 } else { 1 };
    for i in (0..count).step_by(stride) {
        let share = (volume.voxels.value(first + i) - min) / width;
        bins[(share * 4095.0) as usize & 4095] += 1;
    }
    let total: u64 = bins.iter().sum();
    shares.map(|share| {
        let wanted = (share as f64 * total as f64) as u64;
        let mut seen = 0;
        let bin = bins.iter().position(|n| {
            seen += n;
            seen > wanted
        });
        min + width * bin.unwrap_or(4095) as f32 / 4095.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;

    #[test]
    fn every_preset_of_this_build_can_be_read_and_has_its_own_name() {
        for text in SOURCES {
            Preset::parse(text).unwrap();
        }
        let mut names: Vec<_> = Preset::all().into_iter().map(|p| p.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), SOURCES.len());
    }

    #[test]
    fn bone_is_seen_and_brain_is_not_with_the_bone_preset() {
        let volume = phantom::head([16, 16, 16], 12.0);
        let bone = Preset::named("ct_bone").unwrap().transfer_function(&volume);
        assert!(bone.at(900.0).1 > 0.2);
        assert_eq!(bone.max_opacity(-1000.0, 60.0), 0.0);
    }

    #[test]
    fn an_mr_preset_follows_the_values_of_its_volume() {
        let volume = phantom::ramp([16, 16, 16]);
        let look = Preset::named("mr_head").unwrap().transfer_function(&volume);
        let [low, high] = percentiles(&volume, [0.01, 0.995]);
        assert!(look.range()[0] >= low - 1.0 && look.range()[1] <= high * 1.5);
    }
}
