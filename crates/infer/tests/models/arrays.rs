//! Arrays of numpy, as the originals' side keeps its answers.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

pub(crate) struct Array {
    pub(crate) dims: [usize; 3],
    pub(crate) values: Vec<i16>,
}

/// Two images made of the CT, 0 where there is air, as `make_nnunet.py` and `make_bundles.py` make them.
pub(crate) fn two_images(ct: &Array) -> [Array; 2] {
    let made = |value: &dyn Fn(i16) -> i16| Array {
        dims: ct.dims,
        values: ct.values.iter().map(|hu| if *hu < -500 { 0 } else { value(*hu) }).collect(),
    };
    [made(&|hu| hu + 1024), made(&|hu| 1500 - hu.div_euclid(2))]
}

/// The arrays of an `.npz` file: slices, rows, columns of 16 or 8 bits.
pub(crate) fn arrays(path: &Path) -> BTreeMap<String, Array> {
    let file = std::fs::File::open(path).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    (0..archive.len())
        .map(|place| {
            let mut entry = archive.by_index(place).unwrap();
            let name = entry.name().unwrap().trim_end_matches(".npy").to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (name, array(&bytes))
        })
        .collect()
}

/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, version 1.
fn array(bytes: &[u8]) -> Array {
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let sizes: Vec<usize> = shape.split(',').map(|size| size.trim().parse().unwrap()).collect();
    let data = &bytes[10 + length..];
    let values = match header.contains("<i2") {
        true => data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
        false => data.iter().map(|byte| i16::from(*byte)).collect(),
    };
    Array { dims: [sizes[0], sizes[1], sizes[2]], values }
}
