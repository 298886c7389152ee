//! Look-up tables as DICOM gives them: modality LUT, VOI LUT, palette.
//!
//! DICOM PS3.3 C.11.1, C.11.2 and C.7.6.3.1.5/6: values below the first entry take the first, values past
//! the last take the last.

/// A table from whole input values to numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Lut {
    /// Input value of the first entry.
    pub first: i32,
    /// At least one entry.
    values: Vec<f32>,
}

impl Lut {
    /// `None` when there is no entry.
    pub fn new(first: i32, values: Vec<f32>) -> Option<Self> {
        (!values.is_empty()).then_some(Self { first, values })
    }

    /// The entries.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The entry for an input, rounded to the nearest whole input value.
    pub fn apply(&self, x: f32) -> f32 {
        self.values[table_index(x, self.first, self.values.len())]
    }
}

/// A table from stored values to colours (red, green, blue, 8 bit).
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    /// Stored value of the first entry.
    pub first: i32,
    /// At least one entry.
    colors: Vec<[u8; 3]>,
}

impl Palette {
    /// `None` when there is no entry.
    pub fn new(first: i32, colors: Vec<[u8; 3]>) -> Option<Self> {
        (!colors.is_empty()).then_some(Self { first, colors })
    }

    /// The entries.
    pub fn colors(&self) -> &[[u8; 3]] {
        &self.colors
    }

    /// The colour of a stored value.
    pub fn apply(&self, stored: f32) -> [u8; 3] {
        self.colors[table_index(stored, self.first, self.colors.len())]
    }
}

fn table_index(x: f32, first: i32, entries: usize) -> usize {
    ((x + 0.5).floor() - first as f32).clamp(0.0, (entries - 1) as f32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_a_table_take_its_ends() {
        let lut = Lut::new(-2, vec![10.0, 20.0, 30.0]).unwrap();
        assert_eq!([-9.0, -2.0, -1.0, 0.0, 7.0].map(|x| lut.apply(x)), [10.0, 10.0, 20.0, 30.0, 30.0]);
        assert!(Lut::new(0, Vec::new()).is_none());
    }
}
