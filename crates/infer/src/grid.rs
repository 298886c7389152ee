//! Values on a regular grid, as models see them: slices, rows, columns, the last one fastest.

/// A scalar on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Slices, rows, columns.
    pub dims: [usize; 3],
    /// `dims.product()` values.
    pub values: Vec<f32>,
}

/// A box of voxels: the first along each axis, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First slice, row, column.
    pub from: [usize; 3],
    /// Slices, rows, columns.
    pub dims: [usize; 3],
}

impl Region {
    /// The flat index of the first voxel of each row of the box within a grid of `dims`, and their number is
    /// `self.dims[0] * self.dims[1]`.
    pub fn rows(self, dims: [usize; 3]) -> impl Iterator<Item = usize> {
        let [slices, rows, _] = self.dims;
        (0..slices * rows).map(move |row| {
            let (slice, row) = (self.from[0] + row / rows, self.from[1] + row % rows);
            (slice * dims[1] + row) * dims[2] + self.from[2]
        })
    }
}

impl Grid {
    /// A grid of one value.
    pub fn filled(dims: [usize; 3], value: f32) -> Self {
        Self { dims, values: vec![value; dims.iter().product()] }
    }

    /// A copy of a part.
    ///
    /// # Panics
    /// When the region does not lie within the grid.
    pub fn part(&self, region: Region) -> Self {
        let width = region.dims[2];
        let values = region.rows(self.dims).flat_map(|start| &self.values[start..start + width]).copied();
        Self { dims: region.dims, values: values.collect() }
    }

    /// What lies in a box that may reach beyond the grid, where there are zeros.
    pub(crate) fn boxed(&self, from: [i64; 3], dims: [usize; 3]) -> Self {
        let mut out = Self::filled(dims, 0.0);
        // Along each axis: the first place of the box that is inside, and the place after the last.
        let inside = |axis: usize| {
            let first = (-from[axis]).clamp(0, dims[axis] as i64);
            let end = (self.dims[axis] as i64 - from[axis]).clamp(first, dims[axis] as i64);
            (first as usize, end as usize)
        };
        let [(s0, s1), (r0, r1), (c0, c1)] = [0, 1, 2].map(inside);
        let at = |axis: usize, place: usize| (place as i64 + from[axis]) as usize;
        for slice in s0..s1 {
            for row in r0..r1 {
                let source = (at(0, slice) * self.dims[1] + at(1, row)) * self.dims[2] + at(2, c0);
                let target = (slice * dims[1] + row) * dims[2] + c0;
                let width = c1 - c0;
                out.values[target..target + width].copy_from_slice(&self.values[source..source + width]);
            }
        }
        out
    }

    /// Smallest and largest value.
    pub fn min_max(&self) -> [f32; 2] {
        let start = [f32::INFINITY, f32::NEG_INFINITY];
        self.values.iter().fold(start, |[low, high], value| [low.min(*value), high.max(*value)])
    }
}

/// The same data with its axes in another order: axis `n` of the result is axis `order[n]` of the source.
pub(crate) fn transposed<T: Copy>(values: &[T], dims: [usize; 3], order: [usize; 3]) -> (Vec<T>, [usize; 3]) {
    let steps = [dims[1] * dims[2], dims[2], 1];
    let to = order.map(|axis| dims[axis]);
    let step = order.map(|axis| steps[axis]);
    let mut out = Vec::with_capacity(values.len());
    for first in 0..to[0] {
        for second in 0..to[1] {
            let start = first * step[0] + second * step[1];
            out.extend((0..to[2]).map(|third| values[start + third * step[2]]));
        }
    }
    (out, to)
}

/// The same data with some axes reversed.
pub(crate) fn flipped<T: Copy>(values: &[T], dims: [usize; 3], axes: [bool; 3]) -> Vec<T> {
    let [slices, rows, columns] = dims;
    let mut out = Vec::with_capacity(values.len());
    for slice in 0..slices {
        let slice = if axes[0] { slices - 1 - slice } else { slice };
        for row in 0..rows {
            let row = if axes[1] { rows - 1 - row } else { row };
            let start = (slice * rows + row) * columns;
            let line = &values[start..start + columns];
            match axes[2] {
                true => out.extend(line.iter().rev()),
                false => out.extend(line),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_there_and_back_changes_nothing() {
        let values: Vec<u16> = (0..2 * 3 * 4).collect();
        let (there, dims) = transposed(&values, [2, 3, 4], [2, 0, 1]);
        assert_eq!(dims, [4, 2, 3]);
        // Column 1 of slice 0, row 2.
        assert_eq!(there[2 * 3 + 2], 2 * 4 + 1);
        assert_eq!(transposed(&there, dims, [1, 2, 0]), (values, [2, 3, 4]));
    }

    #[test]
    fn a_part_holds_what_lay_in_its_place() {
        let grid = Grid { dims: [2, 3, 4], values: (0..24).map(|value| value as f32).collect() };
        let part = grid.part(Region { from: [1, 1, 2], dims: [1, 2, 2] });
        assert_eq!(part.values, [18.0, 19.0, 22.0, 23.0]);
        let wider = part.boxed([0, -1, -1], [1, 4, 4]);
        assert_eq!(wider.boxed([0, 1, 1], [1, 2, 2]), part);
        assert_eq!(wider.values[..6], [0.0, 0.0, 0.0, 0.0, 0.0, 18.0]);
        assert_eq!(flipped(&grid.values, grid.dims, [true, false, true])[0], 15.0);
    }
}
