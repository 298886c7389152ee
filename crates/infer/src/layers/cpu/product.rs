//! Products of matrices on one thread. The one place of this crate with unsafe code: the library takes pointers.
#![expect(unsafe_code, reason = "gemm takes pointers; their ranges are checked here")]

use gemm::{Parallelism, gemm};

/// A matrix in a slice: rows that lie `stride` apart, each row's numbers `step` apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    pub(super) step: usize,
}

impl<'a> Rows<'a> {
    /// Rows whose numbers lie side by side.
    pub(super) fn of(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride, step: 1 }
    }

    /// The same numbers with rows and columns exchanged: columns lie `step` apart, the numbers of each side by side.
    pub(super) fn by_column(values: &'a [f32], step: usize) -> Self {
        Self { values, stride: 1, step }
    }

    fn last(self, rows: usize, columns: usize) -> usize {
        (rows - 1) * self.stride + (columns - 1) * self.step
    }
}

/// `out` (`m` rows of `n`, `stride` apart) becomes, or grows by, `left` (`m` by `k`) times `right` (`k` by `n`).
///
/// # Panics
/// When a matrix is smaller than its sizes say.
pub(super) fn product(
    [m, n, k]: [usize; 3],
    left: Rows<'_>,
    right: Rows<'_>,
    out: &mut [f32],
    stride: usize,
    grows: bool,
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!(left.last(m, k) < left.values.len(), "left: {m} rows of {k}");
    assert!(right.last(k, n) < right.values.len(), "right: {k} rows of {n}");
    assert!(n <= stride && (m - 1) * stride + n <= out.len(), "out: {m} rows of {n}");
    let (alpha, beta) = (1.0, 1.0);
    // SAFETY: each matrix lies within its slice by the assertions above, columns of `out` are 1 apart and its rows do not
    // overlap (`n <= stride`), and `out` is borrowed alone.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            grows,
            left.values.as_ptr(),
            left.step as isize,
            left.stride as isize,
            right.values.as_ptr(),
            right.step as isize,
            right.stride as isize,
            alpha,
            beta,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_rows_times_columns_and_grows_what_is_there() {
        let left = Rows::of(&[1.0, 2.0, 9.0, 3.0, 4.0], 3);
        let right = Rows::of(&[1.0, 10.0, 100.0, 1000.0], 2);
        let mut out = vec![0.0; 4];
        product([2, 2, 2], left, right, &mut out, 2, false);
        assert_eq!(out, [201.0, 2010.0, 403.0, 4030.0]);
        product([2, 2, 2], left, right, &mut out, 2, true);
        assert_eq!(out, [402.0, 4020.0, 806.0, 8060.0]);
        let exchanged = Rows::by_column(&[1.0, 3.0, 2.0, 4.0], 2);
        product([2, 2, 2], exchanged, right, &mut out, 2, false);
        assert_eq!(out, [201.0, 2010.0, 403.0, 4030.0]);
    }

    #[test]
    #[should_panic(expected = "left")]
    fn a_matrix_that_is_too_small_is_not_read_beyond() {
        let small = Rows::of(&[1.0, 2.0], 2);
        product([2, 1, 2], small, small, &mut [0.0; 2], 1, false);
    }
}
