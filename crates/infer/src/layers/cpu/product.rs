//! Products of matrices on one thread. The one place of this crate with unsafe code: the library takes pointers.
#![expect(unsafe_code, reason = "gemm takes pointers; their ranges are checked here")]

use gemm::{Parallelism, gemm};

/// A matrix in a slice: rows that lie `stride` apart, each row's numbers side by side.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
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
    assert!((m - 1) * left.stride + k <= left.values.len(), "left: {m} rows of {k}");
    assert!((k - 1) * right.stride + n <= right.values.len(), "right: {k} rows of {n}");
    assert!(n <= stride && (m - 1) * stride + n <= out.len(), "out: {m} rows of {n}");
    let (alpha, beta) = (1.0, 1.0);
    // SAFETY: each matrix lies within its slice by the assertions above, columns are 1 apart, rows of `out` do not overlap
    // (`n <= stride`), and `out` is borrowed alone.
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
            1,
            left.stride as isize,
            right.values.as_ptr(),
            1,
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
        let left = Rows { values: &[1.0, 2.0, 9.0, 3.0, 4.0], stride: 3 };
        let right = Rows { values: &[1.0, 10.0, 100.0, 1000.0], stride: 2 };
        let mut out = vec![0.0; 4];
        product([2, 2, 2], left, right, &mut out, 2, false);
        assert_eq!(out, [201.0, 2010.0, 403.0, 4030.0]);
        product([2, 2, 2], left, right, &mut out, 2, true);
        assert_eq!(out, [402.0, 4020.0, 806.0, 8060.0]);
    }

    #[test]
    #[should_panic(expected = "left")]
    fn a_matrix_that_is_too_small_is_not_read_beyond() {
        let small = Rows { values: &[1.0, 2.0], stride: 2 };
        product([2, 1, 2], small, small, &mut [0.0; 2], 1, false);
    }
}
