//! Segmentations, structure sets and measurement reports of a study, as the light box shows them.

use std::sync::Arc;

use medsight_base::{SeriesUid, Timestamp};
use medsight_codec::FrameDecoder;
use medsight_dicom::derived::{
    Code, ContourKind, Dose, DoseVolumeHistogram, RT_DOSE, RT_STRUCTURE_SET, ReadAnnotations,
    RecordedHistogram, Report, Roi, Segmentation, SegmentationKind, StructureSet, annotations_of,
};
use medsight_dicom::{Object, tags};
use medsight_image::{BandGrid, Field, LabelGrid};
use medsight_record::{AnnotationId, LabelMeaning, Refusal};
use medsight_viewport::{FIRST_FILL, Layer, LayerContour, LayerDose, LayerForm, LayerSet, Page};
use rayon::prelude::*;

use crate::pages;

/// Voxels of a segmentation that are held at most: two bytes each.
const MOST_VOXELS: usize = 512 << 20;

/// Colours of parts that have none of their own; told apart on grey, none is the colour of measurements.
const COLORS: [[u8; 3]; 10] = [
    [230, 96, 88],
    [92, 176, 236],
    [122, 200, 110],
    [196, 132, 232],
    [240, 160, 72],
    [72, 204, 190],
    [236, 124, 176],
    [164, 188, 84],
    [128, 140, 240],
    [214, 160, 128],
];

/// Modalities of objects with pixels that lie on images and are none themselves.
pub(crate) const LAYER_MODALITIES: [&str; 3] = ["SEG", "RTSTRUCT", "RTDOSE"];

/// An object that lies on images.
pub(crate) enum Found {
    Segmentation(LayerSet),
    Structures(StructureSet),
    Dose(Box<FoundDose>),
}

/// A dose, and what else its file has.
pub(crate) struct FoundDose {
    dose: Dose,
    recorded: Vec<RecordedHistogram>,
    /// File that it was read from.
    file: usize,
}

/// What an object is; `None` when it does not lie on images. `file` is kept with it.
///
/// # Errors
/// Names what cannot be used.
pub(crate) fn of_object(object: &Object<'_>, file: usize) -> Option<Result<Found, Refusal>> {
    let data = object.data();
    match data.text(tags::SOP_CLASS_UID).as_deref() {
        Some(RT_STRUCTURE_SET) => return Some(StructureSet::read(object).map(Found::Structures)),
        Some(RT_DOSE) => {
            let found = dose(object).and_then(|dose| {
                let recorded = RecordedHistogram::read_all(object)?;
                Ok(Found::Dose(Box::new(FoundDose { dose, recorded, file })))
            });
            return Some(found);
        }
        _ => {}
    }
    if data.text(tags::MODALITY).as_deref() != Some("SEG") {
        return None;
    }
    let name = data.text_or_empty(tags::SERIES_DESCRIPTION);
    let series = data.text(tags::SERIES_INSTANCE_UID).and_then(|uid| SeriesUid::parse(&uid).ok());
    let set = segmentation(object).and_then(|seg| of_segmentation(&seg, name));
    Some(set.map(|set| Found::Segmentation(LayerSet { series, ..set })))
}

/// All layers of a study; regions of interest with what the study's dose gives them. And the histograms of each
/// dose, with the file that the dose is in.
pub(crate) fn sets(found: &[Found]) -> (Vec<LayerSet>, Vec<(usize, Page)>) {
    let (mut sets, mut pages) = (Vec::new(), Vec::new());
    let doses = || {
        found.iter().filter_map(|found| match found {
            Found::Dose(dose) => Some(dose.as_ref()),
            Found::Segmentation(_) | Found::Structures(_) => None,
        })
    };
    let structures = || {
        found.iter().filter_map(|found| match found {
            Found::Structures(set) => Some(set),
            Found::Segmentation(_) | Found::Dose(_) => None,
        })
    };
    let space = |set: &StructureSet| set.rois.first().map(|roi| roi.frame_of_reference.clone());
    // Sampling a region takes a while: once for the list of layers and the page of histograms.
    let mut received: Vec<(usize, Vec<Option<DoseVolumeHistogram>>)> = Vec::new();
    for dose in doses() {
        let regions: Vec<&Roi> = structures()
            .filter(|set| space(set).as_deref() == Some(&dose.dose.frame_of_reference))
            .flat_map(|set| &set.rois)
            .collect();
        let histograms: Vec<_> =
            regions.par_iter().map(|roi| DoseVolumeHistogram::of(&dose.dose, roi).ok()).collect();
        let computed: Vec<pages::Computed<'_>> = regions
            .iter()
            .zip(&histograms)
            .filter_map(|(roi, histogram)| Some((*roi, histogram.as_ref()?)))
            .collect();
        let all: Vec<Roi> = regions.iter().map(|roi| (*roi).clone()).collect();
        let page = pages::histograms(&dose.dose, &dose.recorded, &all, &computed);
        pages.extend(page.map(|page| (dose.file, page)));
        received.push((dose.file, histograms));
    }
    for one in found {
        sets.push(match one {
            Found::Segmentation(set) => set.clone(),
            Found::Structures(set) => {
                let dose = doses().find(|d| space(set).as_deref() == Some(&d.dose.frame_of_reference));
                let histograms = dose.and_then(|dose| {
                    let before = structures().take_while(|other| !std::ptr::eq(*other, set));
                    let first: usize =
                        before.filter(|other| space(other) == space(set)).map(|other| other.rois.len()).sum();
                    let (_, all) = received.iter().find(|(file, _)| *file == dose.file)?;
                    Some((all.get(first..first + set.rois.len())?, pages::unit(dose.dose.units)))
                });
                of_structures(set, histograms)
            }
            Found::Dose(found) => of_dose(&found.dose),
        });
    }
    (sets, pages)
}

fn dose(object: &Object<'_>) -> Result<Dose, Refusal> {
    let decoder = FrameDecoder::new(object)?;
    Dose::read_with(object, &|frame| decoder.decode(frame).map(|frame| frame.samples))
}

/// Isodoses in percent of the highest dose, and their colours.
const ISODOSES: [(f32, [u8; 3]); 8] = [
    (10.0, [72, 88, 200]),
    (30.0, [56, 148, 224]),
    (50.0, [64, 196, 196]),
    (70.0, [88, 200, 104]),
    (80.0, [184, 208, 72]),
    (90.0, [240, 196, 64]),
    (95.0, [240, 140, 56]),
    (100.0, [232, 72, 64]),
];

fn of_dose(dose: &Dose) -> LayerSet {
    let max = dose.max();
    // The highest dose itself is a point: the last band begins a little below it.
    let thresholds: Vec<f32> = ISODOSES.iter().map(|(percent, _)| max * percent.min(99.5) / 100.0).collect();
    let layer = |(index, (percent, rgb)): (usize, &(f32, [u8; 3]))| Layer {
        name: format!("{percent:.0} %"),
        rgb: *rgb,
        on: true,
        volume_ml: None,
        is_body: false,
        dose: LayerDose::Isodose { value: f64::from(max * percent / 100.0), unit: pages::unit(dose.units) },
        form: LayerForm::Label(0, index as u16 + 1),
    };
    LayerSet {
        name: format!("RTDOSE {}", dose.summation),
        frame_of_reference: dose.frame_of_reference.clone(),
        fill: FIRST_FILL,
        plane_distance_mm: 0.0,
        grids: vec![Arc::new(Field::Bands(BandGrid {
            dims: dose.dims,
            voxel_from_patient: dose.patient_from_voxel.inverse(),
            values: dose.values.clone(),
            thresholds,
        }))],
        layers: ISODOSES.iter().enumerate().map(layer).collect(),
        series: None,
        meanings: Vec::new(),
        proposed: None,
    }
}

/// What a report measured; `None` when the object is no measurement report (TID 1500).
pub(crate) fn measured_in(
    object: &Object<'_>,
    series_of: &dyn Fn(&str) -> Option<SeriesUid>,
) -> Option<ReadAnnotations> {
    let report = Report::read(object).ok()?;
    let mut new_id = || AnnotationId(uuid::Uuid::new_v4());
    annotations_of(&report, Timestamp(0), series_of, &mut new_id).ok()
}

fn segmentation(object: &Object<'_>) -> Result<Segmentation, Refusal> {
    let decoder = FrameDecoder::new(object)?;
    Segmentation::read_with(object, &|frame| decoder.decode(frame).map(|frame| frame.samples))
}

pub(crate) fn color(own: Option<[u8; 3]>, index: usize) -> [u8; 3] {
    own.unwrap_or(COLORS[index % COLORS.len()])
}

fn of_segmentation(seg: &Segmentation, name: String) -> Result<LayerSet, Refusal> {
    let grid = seg.grid()?;
    let size = grid.dims[0] * grid.dims[1];
    let count = grid.dims.iter().product::<usize>();
    if count > MOST_VOXELS {
        let reason = format!("The segmentation has {count} voxels; up to {MOST_VOXELS} are shown.");
        return Err(Refusal::new("too_large", reason));
    }
    let half = u16::from(seg.max_value()).div_ceil(2);
    let mut grids: Vec<Vec<u16>> = vec![vec![0; count]];
    let (mut layers, mut meanings) = (Vec::new(), Vec::new());
    for (index, segment) in seg.segments.iter().enumerate() {
        let mut voxels = Vec::new();
        for frame in seg.frames_of(segment.number) {
            let Some(mask) = seg.mask(frame, segment.number) else { continue };
            let first = grid.slice_of_frame[frame] * size;
            let inside = mask.iter().enumerate().filter(|(_, value)| u16::from(**value) >= half);
            voxels.extend(inside.map(|(at, _)| first + at));
        }
        // Where segments overlap, the later ones lie on a grid of their own.
        let is_free = |grid: &Vec<u16>| voxels.iter().all(|at| grid[*at] == 0);
        let of = grids.iter().position(is_free).unwrap_or_else(|| {
            grids.push(vec![0; count]);
            grids.len() - 1
        });
        for at in voxels {
            grids[of][at] = segment.number;
        }
        layers.push(Layer {
            name: segment.label.clone(),
            rgb: color(segment.rgb, index),
            on: true,
            volume_ml: seg.volume_mm3(segment.number).ok().map(|mm3| mm3 / 1000.0),
            is_body: false,
            dose: LayerDose::Unknown,
            form: LayerForm::Label(of, segment.number),
        });
        meanings.push(LabelMeaning {
            value: segment.number,
            name: segment.label.clone(),
            category: segment.category.as_ref().map(Code::named),
            code: segment.property.as_ref().map(Code::named),
            side: segment.modifiers.first().map(Code::named),
            rgb: segment.rgb,
        });
    }
    let kind = match seg.kind {
        SegmentationKind::Fractional { .. } => " (≥ 50 %)",
        SegmentationKind::Binary | SegmentationKind::LabelMap => "",
    };
    let voxel_from_patient = grid.patient_from_voxel.inverse();
    let label_grid =
        |labels: Vec<u16>| Arc::new(Field::Labels(LabelGrid::new(grid.dims, voxel_from_patient, &labels)));
    Ok(LayerSet {
        name: format!("{}{kind}", if name.is_empty() { "SEG" } else { &name }),
        frame_of_reference: seg.frame_of_reference.clone(),
        fill: FIRST_FILL,
        plane_distance_mm: grid.spacing_mm.z,
        grids: grids.into_iter().map(label_grid).collect(),
        layers,
        series: None,
        meanings,
        proposed: None,
    })
}

fn of_structures(
    set: &StructureSet,
    histograms: Option<(&[Option<DoseVolumeHistogram>], &'static str)>,
) -> LayerSet {
    let received = |index: usize| {
        let (all, unit) = histograms?;
        let histogram = all.get(index)?.as_ref()?;
        Some(LayerDose::Received {
            covered: histogram.covered,
            mean: histogram.mean,
            d95: histogram.dose_at(0.95),
            max: histogram.max,
            unit,
        })
    };
    let planes_of = |roi: &Roi| {
        let planes = roi.planes().ok()?;
        Some((planes.spacing_mm?, planes.volume_mm3() / 1000.0))
    };
    let distances = set.rois.iter().filter_map(planes_of).map(|(distance, _)| distance);
    let layer = |(index, roi): (usize, &Roi)| {
        let contours = roi.contours.iter().map(|contour| LayerContour {
            points_mm: contour.points_mm.clone(),
            closed: contour.kind == ContourKind::ClosedPlanar,
        });
        Layer {
            name: if roi.name.is_empty() { roi.number.to_string() } else { roi.name.clone() },
            rgb: color(roi.rgb, index),
            on: true,
            volume_ml: planes_of(roi).map(|(_, ml)| ml),
            is_body: roi.interpreted == "EXTERNAL",
            dose: received(index).unwrap_or_default(),
            form: LayerForm::Contours(Arc::new(contours.collect())),
        }
    };
    LayerSet {
        name: if set.label.is_empty() { "RTSTRUCT".to_owned() } else { set.label.clone() },
        frame_of_reference: set.rois.first().map(|roi| roi.frame_of_reference.clone()).unwrap_or_default(),
        fill: FIRST_FILL,
        plane_distance_mm: distances.fold(f64::INFINITY, f64::min).min(50.0),
        grids: Vec::new(),
        layers: set.rois.iter().enumerate().map(layer).collect(),
        series: None,
        meanings: Vec::new(),
        proposed: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    fn layers(file: &str) -> Option<LayerSet> {
        let path = medsight_base::testing::corpus()?.join("dicom/derived").join(file);
        let object = Object::from_vec(std::fs::read(path).unwrap()).unwrap();
        sets(&[of_object(&object, 0).unwrap().unwrap()]).0.pop()
    }

    #[test]
    fn segments_that_overlap_lie_on_grids_of_their_own() {
        let Some(set) = layers("highdicom/seg_image_ct_binary_overlap.dcm") else { return };
        let grids: Vec<usize> = set
            .layers
            .iter()
            .filter_map(|layer| match layer.form {
                LayerForm::Label(grid, _) => Some(grid),
                LayerForm::Contours(_) => None,
            })
            .collect();
        assert_eq!(grids, [0, 1]);
        assert!(set.layers.iter().all(|layer| layer.volume_ml > Some(0.0)));
    }

    #[test]
    fn a_structure_set_gives_its_outlines_by_name() {
        let Some(set) = layers("rt_dicompyler/rtss.dcm") else { return };
        assert!(set.layers.iter().any(|layer| layer.name.to_lowercase().contains("ptv")
            || layer.name.to_lowercase().contains("lung")
            || layer.name.to_lowercase().contains("heart")));
        assert!(set.layers.iter().any(|l| matches!(&l.form, LayerForm::Contours(c) if !c.is_empty())));
    }
}
