//! Display colours of segments: CIELab as DICOM scales it (PS3.3 C.10.7.1.1) and sRGB.

use glam::{DMat3, DVec3};

/// White of the profile connection space, D50.
const WHITE: DVec3 = DVec3::new(0.964_22, 1.0, 0.825_21);

/// XYZ (D50) to linear sRGB, adapted by Bradford; columns.
fn srgb_from_xyz() -> DMat3 {
    DMat3::from_cols_array(&[
        3.133_856_1,
        -0.978_768_4,
        0.071_945_3,
        -1.616_866_7,
        1.916_141_5,
        -0.228_991_4,
        -0.490_614_6,
        0.033_454,
        1.405_242_7,
    ])
}

/// sRGB, 8 bits, to the three unsigned 16-bit numbers of Recommended Display CIELab Value (0062,000D).
pub fn lab_from_rgb(rgb: [u8; 3]) -> [u16; 3] {
    let linear = rgb.map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    let xyz = srgb_from_xyz().inverse() * DVec3::from_array(linear) / WHITE;
    let [x, y, z] = xyz.to_array().map(|t| {
        if t > (6.0_f64 / 29.0).powi(3) {
            t.cbrt()
        } else {
            t / (3.0 * (6.0_f64 / 29.0).powi(2)) + 4.0 / 29.0
        }
    });
    let (l, a, b) = (116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z));
    let whole = |v: f64| v.round().clamp(0.0, 65_535.0) as u16;
    [whole(l * 655.35), whole((a + 128.0) * 257.0), whole((b + 128.0) * 257.0)]
}

/// The other way; colours outside sRGB are clipped.
pub fn rgb_from_lab(lab: [u16; 3]) -> [u8; 3] {
    let [l, a, b] = lab.map(f64::from);
    let (l, a, b) = (l / 655.35, a / 257.0 - 128.0, b / 257.0 - 128.0);
    let y = (l + 16.0) / 116.0;
    let xyz = [y + a / 500.0, y, y - b / 200.0]
        .map(|t| if t > 6.0 / 29.0 { t.powi(3) } else { 3.0 * (6.0_f64 / 29.0).powi(2) * (t - 4.0 / 29.0) });
    let linear = srgb_from_xyz() * (DVec3::from_array(xyz) * WHITE);
    linear.to_array().map(|c| {
        let c = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        (c * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_survives_the_way_through_cielab() {
        for rgb in [[0, 0, 0], [255, 255, 255], [221, 130, 101], [0, 151, 206], [255, 0, 0], [1, 254, 128]] {
            let back = rgb_from_lab(lab_from_rgb(rgb));
            assert!((0..3).all(|i| rgb[i].abs_diff(back[i]) <= 1), "{rgb:?} became {back:?}");
        }
        assert_eq!(lab_from_rgb([255, 255, 255])[0], 65_535);
    }
}
