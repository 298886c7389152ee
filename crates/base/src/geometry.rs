//! The patient coordinate system and the words for its directions.
//!
//! DICOM PS3.3 C.7.6.2.1.1: x grows to the patient's left, y to the back, z to the head; millimetres.
//! Transforms are named `target_from_source`.

use glam::{DMat4, DVec3};
use serde::{Deserialize, Serialize};

/// A standard reading plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// Looking from the feet to the head; patient right on the left of the screen.
    Axial,
    /// Looking from the front; patient right on the left of the screen.
    Coronal,
    /// Looking from the left; front on the left of the screen.
    Sagittal,
}

impl Plane {
    /// All three, in the order in which they are offered.
    pub const ALL: [Plane; 3] = [Plane::Axial, Plane::Coronal, Plane::Sagittal];

    /// Screen axes in patient coordinates: (right, down), both of length 1.
    pub fn screen_axes(self) -> (DVec3, DVec3) {
        match self {
            Plane::Axial => (DVec3::X, DVec3::Y),
            Plane::Coronal => (DVec3::X, DVec3::NEG_Z),
            Plane::Sagittal => (DVec3::Y, DVec3::NEG_Z),
        }
    }

    /// Direction in which slices are counted: right × down.
    pub fn normal(self) -> DVec3 {
        let (right, down) = self.screen_axes();
        right.cross(down)
    }
}

/// One of the six anatomical directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PatientDirection {
    /// Towards the patient's right (−x).
    Right,
    /// Towards the patient's left (+x).
    Left,
    /// Towards the front (−y).
    Anterior,
    /// Towards the back (+y).
    Posterior,
    /// Towards the feet (−z).
    Feet,
    /// Towards the head (+z).
    Head,
}

impl PatientDirection {
    /// The letter of PS3.3 C.7.6.1.1.1.
    pub fn letter(self) -> char {
        match self {
            Self::Right => 'R',
            Self::Left => 'L',
            Self::Anterior => 'A',
            Self::Posterior => 'P',
            Self::Feet => 'F',
            Self::Head => 'H',
        }
    }
}

/// Letters for a direction in patient coordinates, strongest first: `L`, `AL`, `HPR`…
///
/// A component is named when it has at least sin 15° of the length, so that a slightly tilted
/// axial image says `L` and an oblique one `LA`. The zero vector gives an empty text.
pub fn orientation_letters(direction: DVec3) -> String {
    let unit = direction.normalize_or_zero();
    let mut parts: Vec<(f64, char)> = [
        (unit.x, PatientDirection::Left, PatientDirection::Right),
        (unit.y, PatientDirection::Posterior, PatientDirection::Anterior),
        (unit.z, PatientDirection::Head, PatientDirection::Feet),
    ]
    .into_iter()
    .filter(|(c, ..)| c.abs() >= 0.2588)
    .map(|(c, plus, minus)| (c.abs(), if c > 0.0 { plus.letter() } else { minus.letter() }))
    .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    parts.into_iter().map(|(_, letter)| letter).collect()
}

/// `patient_from_voxel` for a regular grid: voxel (0,0,0) has its centre at `origin_mm`.
///
/// `axes` are unit vectors of column index (x), row index (y) and slice index (z);
/// PS3.3 C.7.6.2.1.1 equation C.7.6.2.1-1 with the slice step as third column.
pub fn patient_from_voxel(origin_mm: DVec3, axes: [DVec3; 3], spacing_mm: DVec3) -> DMat4 {
    DMat4::from_cols(
        (axes[0] * spacing_mm.x).extend(0.0),
        (axes[1] * spacing_mm.y).extend(0.0),
        (axes[2] * spacing_mm.z).extend(0.0),
        origin_mm.extend(1.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axial_image_shows_the_patients_left_on_the_right() {
        let (right, down) = Plane::Axial.screen_axes();
        assert_eq!(orientation_letters(right), "L");
        assert_eq!(orientation_letters(down), "P");
    }

    #[test]
    fn a_sagittal_image_has_the_head_on_top_and_the_face_to_the_left() {
        let (right, down) = Plane::Sagittal.screen_axes();
        assert_eq!(orientation_letters(-down), "H");
        assert_eq!(orientation_letters(-right), "A");
    }

    #[test]
    fn an_oblique_direction_names_its_strongest_letter_first() {
        assert_eq!(orientation_letters(DVec3::new(0.4, -0.9, 0.0)), "AL");
        assert_eq!(orientation_letters(DVec3::ZERO), "");
    }
}
