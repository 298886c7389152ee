//! Radiotherapy: contours, dose and histograms against figures known beforehand.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use glam::DVec3;
use medsight_dicom::derived::*;
use medsight_dicom::{NewDataset, Object, tags};
use medsight_image::Samples;
use std::path::PathBuf;

const SPACE: &str = "2.25.42";

/// Dose in Gy is half of x in millimetres: 21 × 21 × 11 voxels of 2 mm from the origin on.
fn dose_file(descending: bool) -> Vec<u8> {
    let mut data = NewDataset::new();
    let stored = (0..11 * 21).flat_map(|_| (0..21_u32).map(|x| x * 1000)).flat_map(u32::to_le_bytes);
    let (origin_z, sign) = if descending { (20.0, -1.0) } else { (0.0, 1.0) };
    let offsets: Vec<f64> = (0..11).map(|z| sign * 2.0 * f64::from(z)).collect();
    data.text(tags::SOP_CLASS_UID, RT_DOSE)
        .text(tags::SOP_INSTANCE_UID, "2.25.43")
        .text(tags::FRAME_OF_REFERENCE_UID, SPACE)
        .text(tags::MODALITY, "RTDOSE")
        .reals(tags::IMAGE_POSITION_PATIENT, &[0.0, 0.0, origin_z])
        .reals(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
        .reals(tags::PIXEL_SPACING, &[2.0, 2.0])
        .reals(tags::GRID_FRAME_OFFSET_VECTOR, &offsets)
        .integer(tags::NUMBER_OF_FRAMES, 11)
        .integer(tags::ROWS, 21)
        .integer(tags::COLUMNS, 21)
        .integer(tags::SAMPLES_PER_PIXEL, 1)
        .integer(tags::BITS_ALLOCATED, 32)
        .integer(tags::BITS_STORED, 32)
        .integer(tags::HIGH_BIT, 31)
        .integer(tags::PIXEL_REPRESENTATION, 0)
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
        .text(tags::DOSE_UNITS, "GY")
        .text(tags::DOSE_TYPE, "PHYSICAL")
        .text(tags::DOSE_SUMMATION_TYPE, "PLAN")
        .real(tags::DOSE_GRID_SCALING, 0.001)
        .bytes(tags::PIXEL_DATA, b"OW", stored.collect());
    data.to_file().unwrap()
}

fn square(z: f64, low: f64, high: f64) -> Contour {
    let corner = |x, y| DVec3::new(x, y, z);
    let points_mm = vec![corner(low, low), corner(high, low), corner(high, high), corner(low, high)];
    Contour { kind: ContourKind::ClosedPlanar, points_mm, image: None }
}

fn roi(contours: Vec<Contour>) -> Roi {
    Roi {
        number: 1,
        name: "PTV".into(),
        description: String::new(),
        interpreted: "PTV".into(),
        rgb: None,
        frame_of_reference: SPACE.into(),
        contours,
    }
}

#[test]
fn the_histogram_of_a_box_in_a_ramp_of_dose_is_the_one_on_paper() {
    for descending in [false, true] {
        let file = dose_file(descending);
        let dose = Dose::read(&Object::parse(&file).unwrap()).unwrap();
        assert_eq!((dose.dims, dose.units), ([21, 21, 11], DoseUnits::Gray));
        assert!((dose.at(DVec3::new(13.0, 5.0, 7.0)).unwrap() - 6.5).abs() < 1e-5);
        assert_eq!(dose.at(DVec3::new(40.1, 5.0, 7.0)), None);
        let region = roi((2..9).map(|z| square(2.0 * f64::from(z), 10.0, 30.0)).collect());
        let dvh = DoseVolumeHistogram::of(&dose, &region).unwrap();
        let close = |found: f64, paper: f64, by: f64| {
            assert!((found - paper).abs() <= by, "{found} instead of {paper}");
        };
        close(dvh.volume_mm3, 20.0 * 20.0 * 14.0, 60.0);
        close(region.planes().unwrap().volume_mm3(), 5600.0, 1e-6);
        close(dvh.mean, 10.0, 0.02);
        close(dvh.min, 5.0, 0.15);
        close(dvh.max, 15.0, 0.15);
        close(dvh.part_at(10.0), 0.5, 0.02);
        close(dvh.part_at(0.0), 1.0, 0.0);
        close(dvh.dose_at(0.95), 5.5, 0.15);
        close(dvh.covered, 1.0, 0.0);
    }
}

#[test]
fn a_hole_is_no_part_of_the_region() {
    let file = dose_file(false);
    let dose = Dose::read(&Object::parse(&file).unwrap()).unwrap();
    let contours = (2..9).flat_map(|z| {
        let z = 2.0 * f64::from(z);
        [square(z, 10.0, 30.0), square(z, 20.0, 30.0 - 1e-9)]
    });
    let region = roi(contours.collect());
    let planes = region.planes().unwrap();
    assert!((planes.volume_mm3() - 300.0 * 14.0).abs() < 0.01, "{}", planes.volume_mm3());
    let dvh = DoseVolumeHistogram::of(&dose, &region).unwrap();
    assert!((dvh.volume_mm3 - 4200.0).abs() < 60.0, "{}", dvh.volume_mm3);
    // Three quarters of the area: x from 10 to 20 whole, from 20 to 30 half.
    assert!((dvh.mean - (7.5 * 200.0 + 12.5 * 100.0) / 300.0).abs() < 0.03, "{}", dvh.mean);
}

#[test]
fn a_point_is_inside_a_region_between_its_planes_and_not_in_its_hole() {
    let contours = (0..5).flat_map(|z| {
        let z = 3.0 * f64::from(z);
        [square(z, 10.0, 30.0), square(z, 18.0, 22.0)]
    });
    let mask = RoiMask::of(&roi(contours.collect()), 0.5).unwrap();
    let inside = |x, y, z| mask.contains(DVec3::new(x, y, z));
    assert!(inside(11.0, 29.0, 0.0) && inside(11.0, 29.0, 7.0) && inside(29.5, 10.5, 13.4));
    assert!(!inside(20.0, 20.0, 6.0), "the hole");
    assert!(!inside(11.0, 29.0, 13.6) && !inside(11.0, 29.0, -1.6), "above and below");
    assert!(!inside(9.7, 20.0, 6.0) && !inside(30.4, 20.0, 6.0));
    let (cells, cell_mm3) = mask.cells();
    let volume = cells.count() as f64 * cell_mm3;
    assert!((volume - (400.0 - 16.0) * 15.0).abs() < 1e-6, "{volume}");
}

#[test]
fn a_region_of_another_space_or_outside_of_the_grid_has_no_histogram() {
    let file = dose_file(false);
    let dose = Dose::read(&Object::parse(&file).unwrap()).unwrap();
    let region = roi((0..3).map(|z| square(f64::from(z), 10.0, 30.0)).collect());
    let elsewhere = Roi { frame_of_reference: "2.25.41".into(), ..region.clone() };
    assert_eq!(DoseVolumeHistogram::of(&dose, &elsewhere).unwrap_err().code, "other_space");
    let outside = roi((0..3).map(|z| square(f64::from(z), 100.0, 130.0)).collect());
    assert_eq!(DoseVolumeHistogram::of(&dose, &outside).unwrap_err().code, "outside");
    let flat = roi(vec![square(4.0, 10.0, 30.0)]);
    assert_eq!(DoseVolumeHistogram::of(&dose, &flat).unwrap_err().code, "single_plane");
}

fn corpus(name: &str) -> Option<Vec<u8>> {
    let folder: PathBuf = medsight_base::testing::corpus()?.join("dicom/derived");
    Some(std::fs::read(folder.join(name)).unwrap())
}

#[test]
fn anothers_structures_have_the_contours_and_points_that_pydicom_counted() {
    for name in ["rt_dicompyler/rtss.dcm", "pydicom/rtstruct.dcm"] {
        let (Some(bytes), Some(document)) = (corpus(name), corpus("expected.json")) else { return };
        let set = StructureSet::read(&Object::parse(&bytes).unwrap()).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        let files = document["files"].as_array().unwrap();
        let expected = files.iter().find(|f| f["file"] == name).unwrap()["rtstruct"].as_array().unwrap();
        assert_eq!(set.rois.len(), expected.len(), "{name}");
        for (roi, expected) in set.rois.iter().zip(expected) {
            let points: usize = roi.contours.iter().map(|c| c.points_mm.len()).sum();
            assert_eq!(roi.name, expected["name"].as_str().unwrap());
            assert_eq!(
                (roi.number, roi.contours.len() as u64, points as u64),
                (
                    expected["number"].as_i64().unwrap(),
                    expected["contours"].as_u64().unwrap(),
                    expected["points"].as_u64().unwrap()
                ),
                "{}",
                roi.name
            );
        }
        if name.starts_with("rt_") {
            assert_eq!(set.rois[4].rgb, Some([255, 128, 0]), "Heart");
            let heart = set.rois[4].planes().unwrap().volume_mm3() / 1000.0;
            assert!((300.0..900.0).contains(&heart), "a heart of {heart} ml");
        }
    }
}

#[test]
fn anothers_dose_has_the_maximum_and_mean_that_pydicom_found() {
    let Some(bytes) = corpus("pydicom/rtdose.dcm") else { return };
    let dose = Dose::read(&Object::parse(&bytes).unwrap()).unwrap();
    let mean = dose.values.iter().map(|v| f64::from(*v)).sum::<f64>() / dose.values.len() as f64;
    assert_eq!((dose.dims, dose.units), ([10, 10, 15], DoseUnits::Relative));
    assert!((f64::from(dose.max()) - 1.254).abs() < 1e-6 && (mean - 1.013_273).abs() < 1e-6);
    // Frame 4, row 5, column 6 by Image Position, Pixel Spacing and Grid Frame Offset Vector.
    let point = DVec3::new(189.431_25 + 50.0, 199.431_25 + 40.0, -761.87 + 15.0);
    assert!((dose.at(point).unwrap() - 1.026).abs() < 1e-6);
    let compressed = corpus("pydicom/rtdose_rle.dcm").unwrap();
    assert_eq!(Dose::read(&Object::parse(&compressed).unwrap()).unwrap_err().code, "unsupported");
}

#[test]
fn anothers_plan_lists_its_beams_fractions_and_aims() {
    let Some(bytes) = corpus("rt_dicompyler/rtplan.dcm") else { return };
    let plan = Plan::read(&Object::parse(&bytes).unwrap()).unwrap();
    assert_eq!(plan.label, "B1");
    let names: Vec<_> = plan.beams.iter().map(|b| (b.name.as_str(), b.control_points)).collect();
    assert_eq!(names, [("3 RAO", 92), ("4 AP", 94), ("5 LAO", 103), ("6 LPO", 95)]);
    let beam = &plan.beams[0];
    assert_eq!((beam.radiation.as_str(), beam.machine.as_str()), ("PHOTON", "txmachine"));
    assert_eq!((beam.energy, beam.gantry_deg.unwrap()[0]), (Some(10.0), 327.0));
    assert!((beam.isocenter_mm.unwrap()[0] - 72.530_471_504_8).abs() < 1e-9);
    let group = &plan.fraction_groups[0];
    assert_eq!((group.fractions, group.beams[0]), (Some(7), (1, Some(0.5), Some(97.0))));
    assert_eq!(plan.prescriptions[0].dose_gy, Some(14.0));
}

#[test]
fn a_compressed_dose_is_read_through_the_callers_decoder() {
    let (Some(plain), Some(compressed)) = (corpus("pydicom/rtdose.dcm"), corpus("pydicom/rtdose_rle.dcm"))
    else {
        return;
    };
    let plain = Object::parse(&plain).unwrap();
    let pixels = plain.data().raw(tags::PIXEL_DATA).unwrap();
    let decode = |frame: usize| {
        let values = pixels[frame * 400..(frame + 1) * 400].chunks_exact(4);
        Ok(Samples::U32(values.map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect()))
    };
    let read = Dose::read_with(&Object::parse(&compressed).unwrap(), &decode).unwrap();
    assert_eq!(read.values, Dose::read(&plain).unwrap().values);
}
