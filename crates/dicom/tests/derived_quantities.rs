//! Parametric maps and waveforms give quantities in their unit, not stored numbers.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_dicom::derived::*;
use medsight_dicom::{NewDataset, Object, Tag, tags};

fn code(item: &mut NewDataset, tag: Tag, code: &Code) {
    item.item(tag, code.item());
}

/// A map of 3 × 2 pixels and two slices; 32-bit float, or 16-bit integers.
fn map_file(float: bool) -> Vec<u8> {
    let mut data = NewDataset::new();
    data.text(tags::SOP_CLASS_UID, PARAMETRIC_MAP)
        .text(tags::SOP_INSTANCE_UID, "2.25.50")
        .integer(tags::NUMBER_OF_FRAMES, 2)
        .integer(tags::ROWS, 2)
        .integer(tags::COLUMNS, 3)
        .integer(tags::SAMPLES_PER_PIXEL, 1)
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2");
    if float {
        let values = (0..12).flat_map(|v| (v as f32 * 0.5).to_le_bytes()).collect();
        data.integer(tags::BITS_ALLOCATED, 32).bytes(tags::FLOAT_PIXEL_DATA, b"OF", values);
    } else {
        let values = (0..12_u16).flat_map(u16::to_le_bytes).collect();
        data.integer(tags::BITS_ALLOCATED, 16).integer(tags::PIXEL_REPRESENTATION, 0);
        data.bytes(tags::PIXEL_DATA, b"OW", values);
    }
    data.with_item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, |shared| {
        shared.with_item(tags::PLANE_ORIENTATION_SEQUENCE, |item| {
            item.reals(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        });
        shared.with_item(tags::PIXEL_MEASURES_SEQUENCE, |item| {
            item.reals(tags::PIXEL_SPACING, &[1.0, 1.0]).real(tags::SLICE_THICKNESS, 3.0);
        });
        shared.with_item(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE, |item| {
            item.text(tags::LUT_LABEL, "ADC")
                .real(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_FIRST_VALUE_MAPPED, 0.0)
                .real(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_LAST_VALUE_MAPPED, 5.0)
                .real(tags::REAL_WORLD_VALUE_SLOPE, 2.0)
                .real(tags::REAL_WORLD_VALUE_INTERCEPT, 1.0);
            let unit = Code::new("um2/s", "UCUM", "square micrometer per second");
            code(item, tags::MEASUREMENT_UNITS_CODE_SEQUENCE, &unit);
        });
    });
    let frames = [30.0, 33.0].map(|z| {
        let mut frame = NewDataset::new();
        frame.with_item(tags::PLANE_POSITION_SEQUENCE, |item| {
            item.reals(tags::IMAGE_POSITION_PATIENT, &[0.0, 0.0, z]);
        });
        frame
    });
    data.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames.to_vec());
    data.to_file().unwrap()
}

#[test]
fn a_map_gives_quantities_with_their_unit_and_none_outside_of_its_range() {
    let file = map_file(true);
    let map = ParametricMap::read(&Object::parse(&file).unwrap()).unwrap();
    assert_eq!(map.mappings[0].unit.value, "um2/s");
    assert_eq!(map.frames[0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(map.frames[1][5].is_nan(), "5.5 is outside of the range");
    assert_eq!((map.grid.dims, map.grid.spacing_mm.z), ([3, 2, 2], 3.0));
    let file = map_file(false);
    let map = ParametricMap::read(&Object::parse(&file).unwrap()).unwrap();
    assert_eq!(map.frames[0], [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
    assert!(map.frames[1].iter().all(|v| v.is_nan()));
}

#[test]
fn anothers_real_world_mapping_turns_counts_into_suv() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let bytes = std::fs::read(corpus.join("dicom/derived/dcmqi/sr-example/rwvm.dcm")).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let images = object.data().items(tags::REFERENCED_IMAGE_REAL_WORLD_VALUE_MAPPING_SEQUENCE);
    let mappings = RealWorldMapping::read_all(&images[0]).unwrap();
    assert_eq!(mappings[0].unit.value, "{SUVbw}g/ml");
    let MappingForm::Linear { slope, .. } = mappings[0].form else { panic!() };
    assert!(slope > 0.0 && mappings[0].apply(mappings[0].range[1]).unwrap() > 0.0);
}

fn ecg_file(interpretation: &str, bits: i64, samples: &[u8], padding: Option<&[u8]>) -> Vec<u8> {
    let mut data = NewDataset::new();
    data.text(tags::SOP_CLASS_UID, TWELVE_LEAD_ECG).text(tags::SOP_INSTANCE_UID, "2.25.60");
    data.with_item(tags::WAVEFORM_SEQUENCE, |group| {
        let channel = |name: &'static str, sensitivity: f64| {
            let mut item = NewDataset::new();
            code(&mut item, tags::CHANNEL_SOURCE_SEQUENCE, &Code::new("2:1", "MDC", name));
            item.real(tags::CHANNEL_SENSITIVITY, sensitivity)
                .real(tags::CHANNEL_SENSITIVITY_CORRECTION_FACTOR, 2.0)
                .real(tags::CHANNEL_BASELINE, 10.0);
            let unit = Code::new("uV", "UCUM", "microvolt");
            code(&mut item, tags::CHANNEL_SENSITIVITY_UNITS_SEQUENCE, &unit);
            item
        };
        group
            .text(tags::WAVEFORM_ORIGINALITY, "ORIGINAL")
            .integer(tags::NUMBER_OF_WAVEFORM_CHANNELS, 2)
            .integer(tags::NUMBER_OF_WAVEFORM_SAMPLES, 2)
            .real(tags::SAMPLING_FREQUENCY, 500.0)
            .items(tags::CHANNEL_DEFINITION_SEQUENCE, vec![channel("Lead I", 1.25), channel("Lead II", 2.5)])
            .integer(tags::WAVEFORM_BITS_ALLOCATED, bits)
            .text(tags::WAVEFORM_SAMPLE_INTERPRETATION, interpretation)
            .bytes(tags::WAVEFORM_DATA, b"OW", samples.to_vec());
        if let Some(padding) = padding {
            group.bytes(tags::WAVEFORM_PADDING_VALUE, b"OW", padding.to_vec());
        }
    });
    data.to_file().unwrap()
}

#[test]
fn a_sample_is_a_voltage_by_sensitivity_correction_and_baseline() {
    let samples: Vec<u8> = [4_i16, -4, 0, i16::MIN].iter().flat_map(|s| s.to_le_bytes()).collect();
    let file = ecg_file("SS", 16, &samples, Some(&i16::MIN.to_le_bytes()));
    let read = Waveform::read(&Object::parse(&file).unwrap()).unwrap();
    let group = &read.groups[0];
    assert_eq!((group.frequency_hz, group.channels[1].source.meaning.as_ref()), (500.0, "Lead II"));
    assert_eq!(group.channels[0].values, [20.0, 10.0]);
    assert_eq!(group.channels[1].values[0], -10.0);
    assert!(group.channels[1].values[1].is_nan(), "padding is no voltage");
}

#[test]
fn a_waveform_that_promises_more_samples_than_it_has_is_refused() {
    let file = ecg_file("SS", 16, &[0; 6], None);
    let reason = Waveform::read(&Object::parse(&file).unwrap()).unwrap_err().reason;
    assert!(reason.contains("Waveform Data (5400,1010)"), "{reason}");
    let file = ecg_file("SS", 8, &[0; 8], None);
    assert!(Waveform::read(&Object::parse(&file).unwrap()).is_err());
}

#[test]
fn telephone_codings_have_the_values_of_g_711() {
    // Largest, smallest and least values of the two laws.
    let file = ecg_file("MB", 8, &[0xFF, 0x80, 0x00, 0x7F], None);
    let values = |file: &[u8]| -> Vec<f32> {
        let read = Waveform::read(&Object::parse(file).unwrap()).unwrap();
        let [a, b] = &read.groups[0].channels[..] else { panic!() };
        vec![(a.values[0] - 10.0) / 2.5, (b.values[0] - 10.0) / 5.0, (a.values[1] - 10.0) / 2.5]
    };
    assert_eq!(values(&file), [0.0, 32_124.0, -32_124.0]);
    let file = ecg_file("AB", 8, &[0xD5, 0xAA, 0x2A, 0x55], None);
    assert_eq!(values(&file), [8.0, 32_256.0, -32_256.0]);
}

#[test]
fn anothers_ecg_has_the_voltages_that_pydicom_found() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let bytes = std::fs::read(corpus.join("dicom/derived/pydicom/waveform_ecg.dcm")).unwrap();
    let read = Waveform::read(&Object::parse(&bytes).unwrap()).unwrap();
    let [rhythm, beat] = &read.groups[..] else { panic!("{} groups", read.groups.len()) };
    assert_eq!((rhythm.channels.len(), rhythm.channels[0].values.len()), (12, 10_000));
    assert_eq!((beat.channels.len(), beat.channels[0].values.len()), (12, 1200));
    let first: Vec<f32> = rhythm.channels.iter().take(3).map(|c| c.values[1]).collect();
    assert_eq!(first, [81.25, 106.25, 25.0]);
    assert_eq!(rhythm.channels[11].values[500], -93.75);
    let all = rhythm.channels.iter().flat_map(|c| &c.values);
    let mean = all.map(|v| f64::from(*v)).sum::<f64>() / 120_000.0;
    assert!((mean - 34.058_833).abs() < 1e-5, "{mean}");
    let lead = &rhythm.channels[0];
    assert_eq!(lead.source.meaning, "Lead I (Einthoven)");
    assert_eq!(lead.calibration.as_ref().unwrap().unit.value, "uV");
    assert_eq!((lead.filter_low_hz, lead.filter_high_hz), (Some(0.05), Some(300.0)));
    assert_eq!(read.annotations.len(), 77);
    assert_eq!(read.annotations[0].text, "RITMO SINUSALE");
    assert_eq!(read.annotations[2].value.as_ref().unwrap().0, 982.0);
}
