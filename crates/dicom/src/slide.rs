//! Whole slide images: frames that are tiles of one picture, the Total Pixel Matrix (PS3.3 C.7.6.17.3, C.8.12.4).
//!
//! Where each tile lies. Not here: putting their pixels together (`medsight-codec`).

use crate::attribute::tags;
use crate::dataset::Dataset;
use crate::encoded::Encoded;
use medsight_image::VolumeWarning;
use std::collections::BTreeMap;

/// SOP Class of the VL Whole Slide Microscopy Image.
const WHOLE_SLIDE: &str = "1.2.840.10008.5.1.4.1.1.77.1.6";

/// Longest edge of a picture that is put together, pixels: what every graphics adapter holds in one texture.
const MOST_EDGE_PX: usize = 8192;

/// A tile: which frame, and where its first pixel lies in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Frame, from 0.
    pub frame: usize,
    /// Column of its first pixel, from 0.
    pub column: usize,
    /// Row of its first pixel, from 0.
    pub row: usize,
}

/// The pictures that the frames of one instance are tiles of: one for each optical path and focal plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slide {
    /// Total Pixel Matrix Rows (0048,0007).
    pub rows: usize,
    /// Total Pixel Matrix Columns (0048,0006).
    pub columns: usize,
    /// Tiles of each picture, in the order of their frames; none is empty.
    pub pictures: Vec<Vec<Tile>>,
}

impl Slide {
    /// The layout of a whole slide image with more than one frame; `None` for any other image.
    ///
    /// What cannot be put together (too large, tiles that lie outside, positions that are missing) is told in
    /// `warnings`, and its frames are shown one by one.
    pub(crate) fn read(
        data: &Dataset<'_>,
        encoded: &Encoded,
        warnings: &mut Vec<VolumeWarning>,
    ) -> Option<Self> {
        if data.text(tags::SOP_CLASS_UID).as_deref() != Some(WHOLE_SLIDE) || encoded.frames < 2 {
            return None;
        }
        match Self::layout(data, encoded) {
            Ok(slide) => Some(slide),
            Err(reason) => {
                warnings.push(VolumeWarning { code: "slide_tiles".into(), reason, figures: Vec::new() });
                None
            }
        }
    }

    fn layout(data: &Dataset<'_>, encoded: &Encoded) -> Result<Self, String> {
        let size = |tag| data.integer(tag).ok().flatten().and_then(|n| usize::try_from(n).ok());
        let (Some(columns), Some(rows)) =
            (size(tags::TOTAL_PIXEL_MATRIX_COLUMNS), size(tags::TOTAL_PIXEL_MATRIX_ROWS))
        else {
            return Err("Total Pixel Matrix Columns (0048,0006) or Rows (0048,0007) is not there: where the tiles of \
                        the slide lie is not known"
                .into());
        };
        if columns == 0 || rows == 0 || columns > MOST_EDGE_PX || rows > MOST_EDGE_PX {
            return Err(format!(
                "the slide has {columns} × {rows} pixels (0048,0006 and 0048,0007); up to {MOST_EDGE_PX} × \
                 {MOST_EDGE_PX} are put together"
            ));
        }
        if !matches!(encoded.bits_allocated, 8 | 16) || encoded.signed {
            return Err("the tiles are not unsigned values of 8 or 16 bits (PS3.3 C.8.12.4.1)".into());
        }
        let full = data.text(tags::DIMENSION_ORGANIZATION_TYPE).as_deref() == Some("TILED_FULL");
        let pictures = if full {
            full_grid(encoded, columns, rows)?
        } else {
            by_position(data, encoded, columns, rows)?
        };
        Ok(Self { rows, columns, pictures })
    }

    /// Which picture a frame is a tile of.
    pub fn picture_of(&self, frame: usize) -> Option<&[Tile]> {
        let holds = |tiles: &&Vec<Tile>| tiles.iter().any(|tile| tile.frame == frame);
        self.pictures.iter().find(holds).map(Vec::as_slice)
    }
}

/// TILED_FULL: along the row, then the next row of tiles, then the next focal plane, then the next optical path.
fn full_grid(encoded: &Encoded, columns: usize, rows: usize) -> Result<Vec<Vec<Tile>>, String> {
    let across = columns.div_ceil(encoded.columns);
    let tiles = across * rows.div_ceil(encoded.rows);
    if !encoded.frames.is_multiple_of(tiles) {
        return Err(format!(
            "Dimension Organization Type (0020,9311) is TILED_FULL, which takes {tiles} tiles a picture, but Number of \
             Frames (0028,0008) is {}",
            encoded.frames
        ));
    }
    let tile = |frame: usize| {
        let place = frame % tiles;
        Tile { frame, column: place % across * encoded.columns, row: place / across * encoded.rows }
    };
    Ok((0..encoded.frames / tiles).map(|p| (p * tiles..(p + 1) * tiles).map(tile).collect()).collect())
}

/// TILED_SPARSE: each frame says where it lies, counted from 1.
fn by_position(
    data: &Dataset<'_>,
    encoded: &Encoded,
    columns: usize,
    rows: usize,
) -> Result<Vec<Vec<Tile>>, String> {
    let mut pictures: BTreeMap<(String, i64), Vec<Tile>> = BTreeMap::new();
    let frames = data.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if frames.len() != encoded.frames {
        return Err("Per-frame Functional Groups Sequence (5200,9230) does not place every tile".into());
    }
    for (frame, groups) in frames.iter().enumerate() {
        let place = groups.first_item(tags::PLANE_POSITION_SLIDE_SEQUENCE);
        let from_one = |tag, most: usize| {
            let at = place.as_ref()?.integer(tag).ok()??;
            usize::try_from(at.checked_sub(1)?).ok().filter(|at| *at < most)
        };
        let column = from_one(tags::COLUMN_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX, columns);
        let row = from_one(tags::ROW_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX, rows);
        let (Some(column), Some(row)) = (column, row) else {
            return Err(format!(
                "Plane Position (Slide) Sequence (0048,021A) of frame {} is missing or lies outside the slide",
                frame + 1
            ));
        };
        let path = groups.first_item(tags::OPTICAL_PATH_IDENTIFICATION_SEQUENCE);
        let path = path.map(|p| p.text_or_empty(tags::OPTICAL_PATH_IDENTIFIER)).unwrap_or_default();
        let depth = place.and_then(|p| p.number(tags::Z_OFFSET_IN_SLIDE_COORDINATE_SYSTEM).ok().flatten());
        // Micrometres to a thousandth: two planes are never closer.
        let depth = (depth.unwrap_or(0.0) * 1e3).round() as i64;
        pictures.entry((path, depth)).or_default().push(Tile { frame, column, row });
    }
    let mut pictures: Vec<Vec<Tile>> = pictures.into_values().collect();
    pictures.sort_by_key(|tiles| tiles[0].frame);
    Ok(pictures)
}
