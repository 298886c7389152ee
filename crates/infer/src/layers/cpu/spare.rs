//! Memory of maps that are done with, for the next ones of the same run. The system takes large pieces back and gives them out
//! again zeroed page by page, which costs a pass as much as some of its convolutions.

use std::sync::{Mutex, PoisonError};

/// Numbers from which on a piece is worth keeping: smaller ones the allocator keeps itself.
const LEAST: usize = 1 << 18;
/// Pieces that are kept, the last ones.
const MOST: usize = 4;

static SPARE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// `count` numbers, whatever they are: who takes them writes all of them.
pub(super) fn take(count: usize) -> Vec<f32> {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    match spare.iter().rposition(|piece| piece.len() == count) {
        Some(place) => spare.remove(place),
        None => vec![0.0; count],
    }
}

/// Keeps a piece that nobody needs any more.
pub(super) fn give(piece: Vec<f32>) {
    if piece.len() < LEAST {
        return;
    }
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    if spare.len() == MOST {
        spare.remove(0);
    }
    spare.push(piece);
}

/// While one of these is there memory is kept; it goes back to the system with it.
#[derive(Debug)]
pub(crate) struct Kept;

impl Drop for Kept {
    fn drop(&mut self) {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_used_again_and_goes_back_with_the_run() {
        let kept = Kept;
        let mut piece = vec![0.0; LEAST + 7];
        piece[3] = 5.0;
        give(piece);
        assert_eq!(take(LEAST + 7)[3], 5.0);
        give(vec![1.0; LEAST + 9]);
        drop(kept);
        assert_eq!(take(LEAST + 9)[3], 0.0);
    }
}
