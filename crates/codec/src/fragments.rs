//! Which fragments make which frame (PS3.5 A.4): by offset table, by count, or by the marks at their start.

use crate::guard::damaged;
use crate::syntax::Compression;
use medsight_record::Refusal;
use std::ops::Range;

/// The fragments of each frame. `marked`: for each fragment, whether it looks like the beginning of one
/// ([`begins_frame`]).
///
/// # Errors
/// `damaged` when fragments and Number of Frames cannot be brought together.
pub(crate) fn frames(
    marked: &[bool],
    starts: &[u64],
    offsets: &[u64],
    frame_count: usize,
) -> Result<Vec<Range<usize>>, Refusal> {
    if marked.is_empty() {
        return Err(damaged("it has no compressed frame"));
    }
    if frame_count == 1 {
        return Ok(std::iter::once(0..marked.len()).collect());
    }
    let by_table = by_offsets(starts, offsets, marked.len()).filter(|frames| frames.len() == frame_count);
    if let Some(frames) = by_table {
        return Ok(frames);
    }
    if marked.len() == frame_count {
        return Ok((0..frame_count).map(|i| i..i + 1).collect());
    }
    let begins: Vec<usize> = (0..marked.len()).filter(|i| marked[*i]).collect();
    if begins.len() == frame_count && begins[0] == 0 {
        let ends = begins.iter().skip(1).copied().chain([marked.len()]);
        return Ok(begins.iter().copied().zip(ends).map(|(from, to)| from..to).collect());
    }
    Err(damaged(&format!(
        "Number of Frames (0028,0008) is {frame_count}, but {} fragments hold {} frames",
        marked.len(),
        begins.len()
    )))
}

fn by_offsets(starts: &[u64], offsets: &[u64], count: usize) -> Option<Vec<Range<usize>>> {
    let firsts: Option<Vec<usize>> = offsets.iter().map(|offset| starts.binary_search(offset).ok()).collect();
    let firsts = firsts.filter(|f| f.first() == Some(&0) && f.windows(2).all(|w| w[0] < w[1]))?;
    let ends = firsts.iter().skip(1).copied().chain([count]);
    Some(firsts.iter().copied().zip(ends).map(|(from, to)| from..to).collect())
}

/// True when a fragment has the mark of its format at its start; the first 8 bytes are enough.
pub(crate) fn begins_frame(fragment: &[u8], compression: Compression) -> bool {
    match compression {
        Compression::Jpeg | Compression::JpegLs => fragment.starts_with(&[0xFF, 0xD8, 0xFF]),
        Compression::Jpeg2000 => {
            fragment.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) || fragment.get(4..8) == Some(b"jP  ")
        }
        Compression::JpegXl => fragment.starts_with(&[0xFF, 0x0A]) || fragment.get(4..8) == Some(b"JXL "),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_frames_in_three_fragments_are_told_apart_by_their_marks() {
        let fragments: [&[u8]; 3] = [&[0xFF, 0xD8, 0xFF, 1], &[5, 6], &[0xFF, 0xD8, 0xFF, 2]];
        let marked = fragments.map(|f| begins_frame(f, Compression::Jpeg));
        let found = frames(&marked, &[0, 12, 22], &[], 2).unwrap();
        assert_eq!(found, [0..2, 2..3]);
    }

    #[test]
    fn an_offset_table_that_points_between_fragments_is_not_believed() {
        assert_eq!(frames(&[true; 2], &[0, 10], &[0, 7], 2).unwrap(), [0..1, 1..2]);
    }
}
