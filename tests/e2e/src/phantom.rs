//! Draws a CT series of any size: a body, two lungs, a bone, a vessel and noise. For benchmarks and for imports that
//! must take a while. Explicit VR little endian (PS3.5 A.2), one file a slice, uniform geometry.

use anyhow::Result;
use std::path::Path;

/// Width of a pixel and distance of slices in millimetres.
const PIXEL_MM: f64 = 0.7;
const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// Writes `slices` files of `edge` × `edge` pixels, signed 16 bit, in HU.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_ct(folder: &Path, slices: u32, edge: u16) -> Result<()> {
    write_study(folder, slices, edge, &CURRENT)
}

/// Writes the CT of the same patient a year before: the same body, lying elsewhere in a frame of reference of its own.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_prior(folder: &Path, slices: u32, edge: u16) -> Result<()> {
    write_study(folder, slices, edge, &PRIOR)
}

fn write_study(folder: &Path, slices: u32, edge: u16, study: &Drawn) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let noise = noise(usize::from(edge) * usize::from(edge));
    for k in 0..slices {
        std::fs::write(folder.join(format!("{k:05}.dcm")), slice(k, slices, edge, study, &noise))?;
    }
    Ok(())
}

/// What tells one study from another.
struct Drawn {
    /// Behind the root of its UIDs.
    number: u32,
    date: &'static str,
    description: &'static str,
    /// From where the body lies in the first study to where it lies in this one.
    moved_mm: [f64; 3],
}

const CURRENT: Drawn =
    Drawn { number: 3140, date: "20260105", description: "CT CHEST, DRAWN", moved_mm: [0.0; 3] };
const PRIOR: Drawn = Drawn {
    number: 3139,
    date: "20250104",
    description: "CT CHEST, DRAWN BEFORE",
    moved_mm: [6.0, -9.0, 25.0],
};

/// Writes a medium: `slices` files in a folder, and a DICOMDIR beside it that lists them (PS3.3 F.3, PS3.10 8.6).
///
/// # Errors
/// When the folder cannot be written.
pub fn write_medium(folder: &Path, slices: u32, edge: u16) -> Result<()> {
    write_ct(&folder.join("IMAGES"), slices, edge)?;
    let mut records = Elements(Vec::new());
    for k in 0..slices {
        // Media have names of eight letters and digits (PS3.10 8.2).
        let name = format!("{k:08}");
        std::fs::rename(folder.join(format!("IMAGES/{k:05}.dcm")), folder.join("IMAGES").join(&name))?;
        let mut record = Elements(Vec::new());
        record.text(0x0004, 0x1430, "CS", "IMAGE");
        record.text(0x0004, 0x1500, "CS", &format!("IMAGES\\{name}"));
        records.0.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0]);
        records.0.extend_from_slice(&u32::try_from(record.0.len())?.to_le_bytes());
        records.0.extend_from_slice(&record.0);
    }
    let mut d = Elements(Vec::new());
    d.text(0x0004, 0x1130, "CS", "DRAWN");
    d.long(0x0004, 0x1220, "SQ", &records.0);
    std::fs::write(folder.join("DICOMDIR"), file("1.2.840.10008.1.3.10", "2.25.3141", &d))?;
    Ok(())
}

/// Writes one Basic Text SR (PS3.3 A.35.1) without content: a study that has no image.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_report(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let class = "1.2.840.10008.5.1.4.1.1.88.11";
    let mut d = Elements(Vec::new());
    d.text(0x0008, 0x0016, "UI", class);
    d.text(0x0008, 0x0018, "UI", "2.25.31421");
    d.text(0x0008, 0x0020, "DA", "20260105");
    d.text(0x0008, 0x0060, "CS", "SR");
    d.text(0x0008, 0x1030, "LO", "REPORT, DRAWN");
    d.text(0x0010, 0x0010, "PN", "Report^Only");
    d.text(0x0010, 0x0020, "LO", "REPORT-1");
    d.text(0x0020, 0x000d, "UI", "2.25.3142");
    d.text(0x0020, 0x000e, "UI", "2.25.31422");
    std::fs::write(folder.join("report.dcm"), file(class, "2.25.31421", &d))?;
    Ok(())
}

/// The smallest thing that calls itself a PDF.
pub const PDF: &[u8] = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n";

/// Title of the document that [`write_pdf`] writes.
pub const PDF_TITLE: &str = "Discharge letter";

/// Writes a study that has nothing but a PDF inside a DICOM file.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_pdf(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let class = "1.2.840.10008.5.1.4.1.1.104.1";
    let mut d = Elements(Vec::new());
    d.text(0x0008, 0x0016, "UI", class);
    d.text(0x0008, 0x0018, "UI", "2.25.31431");
    d.text(0x0008, 0x0020, "DA", "20260106");
    d.text(0x0008, 0x0060, "CS", "DOC");
    d.text(0x0008, 0x1030, "LO", "LETTER, DRAWN");
    d.text(0x0010, 0x0010, "PN", "Letter^Only");
    d.text(0x0010, 0x0020, "LO", "LETTER-1");
    d.text(0x0020, 0x000d, "UI", "2.25.3143");
    d.text(0x0020, 0x000e, "UI", "2.25.31432");
    d.text(0x0042, 0x0010, "ST", PDF_TITLE);
    // A document of odd length has a byte more.
    let mut padded = PDF.to_vec();
    padded.resize(PDF.len() + PDF.len() % 2, 0);
    d.long(0x0042, 0x0011, "OB", &padded);
    d.text(0x0042, 0x0012, "LO", "application/pdf");
    std::fs::write(folder.join("letter.dcm"), file(class, "2.25.31431", &d))?;
    Ok(())
}

fn slice(k: u32, slices: u32, edge: u16, drawn: &Drawn, noise: &[i16]) -> Vec<u8> {
    let study = format!("2.25.{}{slices:05}{edge:05}", drawn.number);
    let (series, instance) = (format!("{study}.1"), format!("{study}.1.{}", k + 1));
    let corner = -PIXEL_MM * f64::from(edge) / 2.0;
    let [x_mm, y_mm, z_mm] = drawn.moved_mm;
    let mut d = Elements(Vec::new());
    d.text(0x0008, 0x0005, "CS", "ISO_IR 192");
    d.text(0x0008, 0x0008, "CS", "ORIGINAL\\PRIMARY\\AXIAL");
    d.text(0x0008, 0x0016, "UI", CT_IMAGE);
    d.text(0x0008, 0x0018, "UI", &instance);
    d.text(0x0008, 0x0020, "DA", drawn.date);
    d.text(0x0008, 0x0030, "TM", "101500");
    d.text(0x0008, 0x0050, "SH", &format!("DRAWN{slices}"));
    d.text(0x0008, 0x0060, "CS", "CT");
    d.text(0x0008, 0x0070, "LO", "Drawn by a program");
    d.text(0x0008, 0x0090, "PN", "");
    d.text(0x0008, 0x1030, "LO", drawn.description);
    d.text(0x0008, 0x103e, "LO", "AXIAL 1.0");
    d.text(0x0010, 0x0010, "PN", "Phantom^Drawn");
    d.text(0x0010, 0x0020, "LO", &format!("DRAWN-{slices}"));
    d.text(0x0010, 0x0030, "DA", "19700101");
    d.text(0x0010, 0x0040, "CS", "O");
    d.text(0x0018, 0x0050, "DS", "1");
    d.text(0x0018, 0x0060, "DS", "120");
    d.text(0x0018, 0x5100, "CS", "HFS");
    d.text(0x0020, 0x000d, "UI", &study);
    d.text(0x0020, 0x000e, "UI", &series);
    d.text(0x0020, 0x0010, "SH", "1");
    d.text(0x0020, 0x0011, "IS", "1");
    d.text(0x0020, 0x0013, "IS", &(k + 1).to_string());
    d.text(
        0x0020,
        0x0032,
        "DS",
        &format!("{:.3}\\{:.3}\\{:.3}", corner + x_mm, corner + y_mm, f64::from(k) + z_mm),
    );
    d.text(0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0");
    d.text(0x0020, 0x0052, "UI", &format!("{study}.2"));
    d.text(0x0020, 0x1040, "LO", "");
    d.number(0x0028, 0x0002, 1);
    d.text(0x0028, 0x0004, "CS", "MONOCHROME2");
    d.number(0x0028, 0x0010, edge);
    d.number(0x0028, 0x0011, edge);
    d.text(0x0028, 0x0030, "DS", &format!("{PIXEL_MM}\\{PIXEL_MM}"));
    for (element, value) in [(0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 1)] {
        d.number(0x0028, element, value);
    }
    d.text(0x0028, 0x1050, "DS", "40");
    d.text(0x0028, 0x1051, "DS", "400");
    d.text(0x0028, 0x1052, "DS", "0");
    d.text(0x0028, 0x1053, "DS", "1");
    d.text(0x0028, 0x1054, "LO", "HU");
    d.long(0x7fe0, 0x0010, "OW", &pixels(k, slices, edge, noise));

    file(CT_IMAGE, &instance, &d)
}

/// A file of one object: preamble, mark, meta header, data set (PS3.10 7.1).
fn file(class: &str, instance: &str, d: &Elements) -> Vec<u8> {
    let mut meta = Elements(Vec::new());
    meta.long(0x0002, 0x0001, "OB", &[0, 1]);
    meta.text(0x0002, 0x0002, "UI", class);
    meta.text(0x0002, 0x0003, "UI", instance);
    meta.text(0x0002, 0x0010, "UI", EXPLICIT_LITTLE);
    meta.text(0x0002, 0x0012, "UI", "2.25.3140");
    let mut file = Elements(vec![0; 128]);
    file.0.extend_from_slice(b"DICM");
    file.short(0x0002, 0x0000, "UL", &(meta.0.len() as u32).to_le_bytes());
    file.0.extend_from_slice(&meta.0);
    file.0.extend_from_slice(&d.0);
    file.0
}

fn pixels(k: u32, slices: u32, edge: u16, noise: &[i16]) -> Vec<u8> {
    let unit = |i: u32, of: u32| 2.0 * f64::from(i) / f64::from(of.max(2) - 1) - 1.0;
    let z = unit(k, slices);
    let edge = u32::from(edge);
    let mut bytes = Vec::with_capacity((edge * edge * 2) as usize);
    for row in 0..edge {
        let y = unit(row, edge);
        for column in 0..edge {
            let x = unit(column, edge);
            let inside =
                |cx: f64, cy: f64, r: f64| (x - cx).powi(2) + (y - cy).powi(2) + (0.4 * z).powi(2) < r * r;
            let hu = if inside(-0.4, 0.0, 0.25) || inside(0.4, 0.0, 0.25) {
                -800
            } else if inside(0.0, 0.35, 0.1) {
                900
            } else if inside(0.1, -0.1, 0.12) {
                250
            } else if (x / 0.85).powi(2) + (y / 0.6).powi(2) < 1.0 - 0.3 * z * z {
                // Brighter to the left of the patient: an image is told from a flat area by its greys.
                40 + (60.0 * x) as i16
            } else {
                -1000
            };
            // The same noise, moved from slice to slice: drawing stays fast, and no two slices are the same.
            let at = (row * edge + (column + k * 7) % edge) as usize;
            bytes.extend_from_slice(&(hu + noise[at]).to_le_bytes());
        }
    }
    bytes
}

/// Numbers between -20 and 20 with a hump in the middle, the same ones each time (xorshift).
fn noise(count: usize) -> Vec<i16> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as i16 % 11
    };
    (0..count).map(|_| next() + next()).collect()
}

/// Encoded attributes.
struct Elements(Vec<u8>);

impl Elements {
    fn short(&mut self, group: u16, element: u16, vr: &str, value: &[u8]) {
        self.head(group, element, vr);
        self.0.extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.0.extend_from_slice(value);
    }

    /// OB and OW carry two reserved bytes and a length of four (PS3.5 7.1.2).
    fn long(&mut self, group: u16, element: u16, vr: &str, value: &[u8]) {
        self.head(group, element, vr);
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.0.extend_from_slice(value);
    }

    /// Text is padded to even length, UIDs with a zero byte and the rest with a space (PS3.5 6.2).
    fn text(&mut self, group: u16, element: u16, vr: &str, value: &str) {
        let mut value = value.as_bytes().to_vec();
        if value.len() % 2 == 1 {
            value.push(if vr == "UI" { 0 } else { b' ' });
        }
        self.short(group, element, vr, &value);
    }

    fn number(&mut self, group: u16, element: u16, value: u16) {
        self.short(group, element, "US", &value.to_le_bytes());
    }

    fn head(&mut self, group: u16, element: u16, vr: &str) {
        self.0.extend_from_slice(&group.to_le_bytes());
        self.0.extend_from_slice(&element.to_le_bytes());
        self.0.extend_from_slice(vr.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_slice_has_the_preamble_and_as_many_pixel_bytes_as_its_rows_and_columns_need() {
        let file = slice(3, 9, 64, &CURRENT, &noise(64 * 64));
        assert_eq!(&file[128..132], b"DICM");
        let pixel_data = [0xe0, 0x7f, 0x10, 0x00, b'O', b'W', 0, 0];
        let at = file.windows(8).position(|w| w == pixel_data).expect("pixel data");
        assert_eq!(file.len() - at - 12, 64 * 64 * 2);
    }
}
