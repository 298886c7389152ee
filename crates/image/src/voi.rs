//! Value-of-interest window: modality value → display value in `0.0..=1.0`.
//!
//! DICOM PS3.3 C.11.2.1.2 (window) and C.11.2.1.3 (functions). CPU twin of `shaders/shared/voi.wgsl`.
//! Not here: rescale to modality values, MONOCHROME1 inversion.

use serde::{Deserialize, Serialize};

/// VOI LUT Function (0028,1056). LINEAR when the attribute is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VoiFunction {
    /// C.11.2.1.2.1
    #[default]
    Linear,
    /// C.11.2.1.3.2
    LinearExact,
    /// C.11.2.1.3.1
    Sigmoid,
}

/// A window known to be valid. Centre and width are in modality units (HU for CT).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    center: f64,
    width: f64,
    function: VoiFunction,
}

impl Window {
    /// `None` when the width is below what the function allows (1 for LINEAR, above 0 otherwise) or
    /// a number is not finite.
    pub fn new(center: f64, width: f64, function: VoiFunction) -> Option<Self> {
        let wide_enough = match function {
            VoiFunction::Linear => width >= 1.0,
            VoiFunction::LinearExact | VoiFunction::Sigmoid => width > 0.0,
        };
        (center.is_finite() && width.is_finite() && wide_enough).then_some(Self { center, width, function })
    }

    /// The window that shows every value from `min` to `max`; for images that carry none.
    pub fn spanning(min: f64, max: f64) -> Self {
        let (min, max) = if min.is_finite() && max.is_finite() { (min, max) } else { (0.0, 1.0) };
        let width = (max - min).max(f64::from(f32::EPSILON));
        Self { center: (min + max) / 2.0, width, function: VoiFunction::LinearExact }
    }

    /// Centre in modality units.
    pub fn center(&self) -> f64 {
        self.center
    }

    /// Width in modality units.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// How values between the ends are mapped.
    pub fn function(&self) -> VoiFunction {
        self.function
    }

    /// Moves the centre and scales the width as a drag does; stays valid.
    pub fn dragged(&self, center_by: f64, width_by: f64) -> Self {
        let least = if self.function == VoiFunction::Linear { 1.0 } else { 1e-6 };
        Self { center: self.center + center_by, width: (self.width + width_by).max(least), ..*self }
    }

    /// The display value of a modality value, `0.0..=1.0`.
    pub fn apply(&self, x: f64) -> f64 {
        match self.function {
            VoiFunction::Linear => ramp(x, self.center - 0.5, self.width - 1.0),
            VoiFunction::LinearExact => ramp(x, self.center, self.width),
            VoiFunction::Sigmoid => 1.0 / (1.0 + (-4.0 * (x - self.center) / self.width).exp()),
        }
    }
}

fn ramp(x: f64, center: f64, width: f64) -> f64 {
    if x <= center - 0.5 * width {
        0.0
    } else if x > center + 0.5 * width {
        1.0
    } else {
        (x - center) / width + 0.5 // reached only when width > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_window_of_width_one_is_a_step_just_below_center() {
        let step = Window::new(40.0, 1.0, VoiFunction::Linear).unwrap();
        assert_eq!(step.apply(39.5), 0.0);
        assert_eq!(step.apply(39.51), 1.0);
    }

    #[test]
    fn linear_and_linear_exact_differ_by_half_a_value() {
        let linear = Window::new(2048.0, 4096.0, VoiFunction::Linear).unwrap();
        let exact = Window::new(2048.0, 4096.0, VoiFunction::LinearExact).unwrap();
        assert_eq!(linear.apply(4095.0), 1.0);
        assert!(exact.apply(4095.0) < 1.0);
    }

    #[test]
    fn a_window_of_no_width_is_no_window() {
        assert!(Window::new(40.0, 0.5, VoiFunction::Linear).is_none());
        assert!(Window::new(f64::NAN, 10.0, VoiFunction::Sigmoid).is_none());
    }
}
