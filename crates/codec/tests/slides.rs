//! Whole slide images: cut into tiles by this test, put together by the reader.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_codec::decode_shown;
use medsight_dicom::{ImageInfo, NewDataset, Object, sort_frames, tags};
use medsight_image::{Photometric, Samples};

const COLUMNS: usize = 7;
const ROWS: usize = 5;
const TILE: [usize; 2] = [3, 2]; // columns, rows

/// The pixel of a picture: no two of a slide are alike.
fn pixel(picture: usize, column: usize, row: usize) -> [u8; 3] {
    [picture as u8, column as u8, 100 + row as u8]
}

fn picture(number: usize) -> Vec<u8> {
    (0..ROWS * COLUMNS).flat_map(|i| pixel(number, i % COLUMNS, i / COLUMNS)).collect()
}

/// A tile; what of it lies outside the picture is 9.
fn tile(number: usize, column: usize, row: usize) -> Vec<u8> {
    let inside = |x: usize, y: usize| x < COLUMNS && y < ROWS;
    let at = |i: usize| (column + i % TILE[0], row + i / TILE[0]);
    let all = (0..TILE[0] * TILE[1]).map(at);
    all.flat_map(|(x, y)| if inside(x, y) { pixel(number, x, y) } else { [9; 3] }).collect()
}

/// Where tiles begin, along rows first.
fn places() -> Vec<(usize, usize)> {
    let rows = (0..ROWS).step_by(TILE[1]);
    rows.flat_map(|row| (0..COLUMNS).step_by(TILE[0]).map(move |column| (column, row))).collect()
}

fn slide(frames: &[Vec<u8>], fill: impl FnOnce(&mut NewDataset)) -> Vec<u8> {
    let mut data = NewDataset::new();
    data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.77.1.6")
        .text(tags::SOP_INSTANCE_UID, "2.25.1")
        .text(tags::STUDY_INSTANCE_UID, "2.25.2")
        .text(tags::SERIES_INSTANCE_UID, "2.25.3")
        .text(tags::MODALITY, "SM")
        .text(tags::PHOTOMETRIC_INTERPRETATION, "RGB")
        .integer(tags::SAMPLES_PER_PIXEL, 3)
        .integer(tags::PLANAR_CONFIGURATION, 0)
        .integer(tags::ROWS, TILE[1] as i64)
        .integer(tags::COLUMNS, TILE[0] as i64)
        .integer(tags::NUMBER_OF_FRAMES, frames.len() as i64)
        .integer(tags::BITS_ALLOCATED, 8)
        .integer(tags::BITS_STORED, 8)
        .integer(tags::HIGH_BIT, 7)
        .integer(tags::PIXEL_REPRESENTATION, 0)
        .integer(tags::TOTAL_PIXEL_MATRIX_COLUMNS, COLUMNS as i64)
        .integer(tags::TOTAL_PIXEL_MATRIX_ROWS, ROWS as i64)
        .bytes(tags::PIXEL_DATA, b"OB", frames.concat());
    fill(&mut data);
    data.to_file().unwrap()
}

fn sparse(tiles: &[(usize, usize, usize)]) -> Vec<u8> {
    let frames: Vec<_> = tiles.iter().map(|(number, column, row)| tile(*number, *column, *row)).collect();
    slide(&frames, |data| {
        let groups = tiles.iter().map(|(number, column, row)| {
            let mut group = NewDataset::new();
            group.with_item(tags::PLANE_POSITION_SLIDE_SEQUENCE, |place| {
                place
                    .integer(tags::COLUMN_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX, *column as i64 + 1)
                    .integer(tags::ROW_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX, *row as i64 + 1);
            });
            group.with_item(tags::OPTICAL_PATH_IDENTIFICATION_SEQUENCE, |path| {
                path.text(tags::OPTICAL_PATH_IDENTIFIER, &number.to_string());
            });
            group
        });
        data.text(tags::DIMENSION_ORGANIZATION_TYPE, "TILED_SPARSE")
            .items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups.collect());
    })
}

fn shown(file: &[u8]) -> Vec<Vec<u8>> {
    let object = Object::parse(file).unwrap();
    let image = ImageInfo::read(&object).unwrap();
    assert!(image.warnings.is_empty(), "{:?}", image.warnings);
    let sorted = sort_frames(std::slice::from_ref(&image));
    let frames = sorted.stacks.iter().flat_map(|stack| &stack.frames).map(|at| at.frame);
    let pictures = frames.map(|frame| decode_shown(&object, &image, frame).unwrap());
    let of = |frame: medsight_image::Frame| {
        assert_eq!((frame.columns, frame.rows), (COLUMNS, ROWS));
        assert_eq!(frame.photometric, Photometric::Rgb);
        let Samples::U8(bytes) = frame.samples else { panic!("8 bits went in") };
        bytes
    };
    pictures.map(of).collect()
}

#[test]
fn the_tiles_of_a_full_grid_make_one_picture_for_each_optical_path() {
    let frames: Vec<_> = (0..2).flat_map(|n| places().into_iter().map(move |(x, y)| tile(n, x, y))).collect();
    let file = slide(&frames, |data| {
        data.text(tags::DIMENSION_ORGANIZATION_TYPE, "TILED_FULL");
    });
    assert_eq!(shown(&file), [picture(0), picture(1)]);
}

#[test]
fn tiles_that_say_where_they_lie_may_come_in_any_order() {
    let mut tiles: Vec<_> = (0..2).flat_map(|n| places().into_iter().map(move |(x, y)| (n, x, y))).collect();
    tiles.reverse();
    assert_eq!(shown(&sparse(&tiles)), [picture(1), picture(0)]);
}

#[test]
fn glass_without_a_tile_is_white() {
    let pictures = shown(&sparse(&[(0, 0, 0), (0, 3, 2)]));
    let mut want = vec![255; ROWS * COLUMNS * 3];
    for (column, row) in
        [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (3, 3), (4, 3), (5, 3)]
    {
        want[(row * COLUMNS + column) * 3..][..3].copy_from_slice(&pixel(0, column, row));
    }
    assert_eq!(pictures, [want]);
}

#[test]
fn a_tile_outside_the_slide_leaves_the_tiles_to_be_shown_one_by_one_and_says_so() {
    let file = sparse(&[(0, 0, 0), (0, COLUMNS, 0)]);
    let object = Object::parse(&file).unwrap();
    let image = ImageInfo::read(&object).unwrap();
    assert!(image.slide.is_none());
    assert_eq!(image.warnings[0].code, "slide_tiles");
    assert!(image.warnings[0].reason.contains("frame 2"), "{}", image.warnings[0].reason);
    assert_eq!(sort_frames(&[image]).stacks[0].frames.len(), 2);
}
