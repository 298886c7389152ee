//! Where millimetres come from: the distance of pixels and its source.

use crate::attribute::{tags, unreadable};
use crate::dataset::Dataset;
use medsight_image::VolumeWarning;
use medsight_record::{Refusal, ScaleSource};

/// Distance of pixel centres in millimetres, and which attribute says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Between neighbouring rows: vertical on the image.
    pub row_mm: f64,
    /// Between neighbouring columns: horizontal on the image.
    pub column_mm: f64,
    /// The attribute it was read from.
    pub source: ScaleSource,
}

/// A calibrated part of an ultrasound image (PS3.3 C.8.5.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UltrasoundRegion {
    /// First column, first row, last column, last row: all in pixels.
    pub rectangle_px: [i64; 4],
    /// Distance of columns and rows, when both axes are lengths; `None` for spectra and curves.
    pub scale: Option<Scale>,
}

impl Scale {
    /// The scale of an image or frame. `measures` holds Pixel Spacing: the data set, or Pixel Measures.
    ///
    /// # Errors
    /// A spacing that is no number, or not above 0 (PS3.3 10.7.1.3).
    pub(crate) fn read(
        data: &Dataset<'_>,
        measures: &Dataset<'_>,
        placed: bool,
    ) -> Result<Option<Self>, Refusal> {
        let spacing = positive(measures, tags::PIXEL_SPACING)?;
        let detector = positive(data, tags::IMAGER_PIXEL_SPACING)?;
        let nominal = positive(data, tags::NOMINAL_SCANNED_PIXEL_SPACING)?;
        let with = |[row_mm, column_mm]: [f64; 2], source| Some(Self { row_mm, column_mm, source });
        // Structures in the patient are smaller than their shadow on the detector by this factor (PS3.3 C.8.7.10).
        // A factor that cannot be used leaves lengths at the detector, and they say so.
        let factor = data.number(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR).ok().flatten();
        let factor = factor.filter(|factor| *factor > 0.0 && factor.is_finite());
        let at_detector = |spacing: [f64; 2]| match factor {
            Some(factor) => with(spacing.map(|mm| mm / factor), ScaleSource::DetectorCorrected),
            None => with(spacing, ScaleSource::Detector),
        };
        Ok(match (spacing, detector, nominal) {
            (Some(s), ..) if placed => with(s, ScaleSource::PixelSpacing),
            (Some(s), ..) if data.has(tags::PIXEL_SPACING_CALIBRATION_TYPE) => {
                with(s, ScaleSource::Calibrated)
            }
            (Some(s), Some(d), _) if s == d => at_detector(d),
            (Some(s), Some(_), _) => with(s, ScaleSource::Calibrated),
            (Some(s), None, _) => with(s, ScaleSource::PixelSpacing),
            (None, Some(d), _) => at_detector(d),
            (None, None, Some(n)) => with(n, ScaleSource::Nominal),
            (None, None, None) => None,
        })
    }
}

fn positive(data: &Dataset<'_>, tag: crate::Tag) -> Result<Option<[f64; 2]>, Refusal> {
    match data.vector::<2>(tag)? {
        Some(v) if v.iter().any(|x| *x <= 0.0) => Err(unreadable(tag, "is not above 0")),
        other => Ok(other),
    }
}

impl UltrasoundRegion {
    /// Sequence of Ultrasound Regions (0018,6011) of an image of `columns` × `rows`.
    ///
    /// A region that cannot be read, or that reaches out of the image, says that the calibration was made for other
    /// pixels (the image was shrunk or cut): then none of the image has a scale, and a warning says so.
    pub(crate) fn read_all(
        data: &Dataset<'_>,
        [columns, rows]: [usize; 2],
        warnings: &mut Vec<VolumeWarning>,
    ) -> Vec<Self> {
        let items = data.items(tags::SEQUENCE_OF_ULTRASOUND_REGIONS);
        let mut regions: Vec<Self> = items.iter().filter_map(Self::read).collect();
        // One pixel more is a slip of counting, seen in files that are otherwise right.
        let fits = |r: &Self| {
            let [x0, y0, x1, y1] = r.rectangle_px;
            0 <= x0 && 0 <= y0 && x0 <= x1 && y0 <= y1 && x1 <= columns as i64 && y1 <= rows as i64
        };
        if regions.len() < items.len() || !regions.iter().all(fits) {
            warnings.push(VolumeWarning {
                code: "ultrasound_region".into(),
                reason: format!(
                    "Sequence of Ultrasound Regions (0018,6011) does not fit the image of {columns} × {rows} pixels: \
                     lengths are given in pixels"
                ),
                figures: vec![columns.to_string(), rows.to_string()],
            });
            let whole = [0, 0, columns as i64, rows as i64];
            regions = vec![Self { rectangle_px: whole, scale: None }];
        }
        regions
    }

    fn read(item: &Dataset<'_>) -> Option<Self> {
        let whole = |tag| item.integer(tag).ok().flatten();
        let rectangle_px = [
            whole(tags::REGION_LOCATION_MIN_X0)?,
            whole(tags::REGION_LOCATION_MIN_Y0)?,
            whole(tags::REGION_LOCATION_MAX_X1)?,
            whole(tags::REGION_LOCATION_MAX_Y1)?,
        ];
        let centimetres = 3; // PS3.3 C.8.5.5.1.15
        let are_lengths = [tags::PHYSICAL_UNITS_X_DIRECTION, tags::PHYSICAL_UNITS_Y_DIRECTION]
            .into_iter()
            .all(|tag| whole(tag) == Some(centimetres));
        let delta_mm =
            |tag| item.number(tag).ok().flatten().map(|cm: f64| cm.abs() * 10.0).filter(|mm| *mm > 0.0);
        let scale =
            delta_mm(tags::PHYSICAL_DELTA_X).zip(delta_mm(tags::PHYSICAL_DELTA_Y)).filter(|_| are_lengths);
        let scale = scale.map(|(column_mm, row_mm)| Scale {
            row_mm,
            column_mm,
            source: ScaleSource::UltrasoundRegion,
        });
        Some(Self { rectangle_px, scale })
    }

    /// True when a pixel is inside.
    pub fn contains(&self, column: f64, row: f64) -> bool {
        let [x0, y0, x1, y1] = self.rectangle_px.map(|p| p as f64);
        (x0..=x1).contains(&column) && (y0..=y1).contains(&row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewDataset, Object};

    fn scale_of(fill: impl FnOnce(&mut NewDataset)) -> Option<Scale> {
        let mut data = NewDataset::new();
        data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.1.1").text(tags::SOP_INSTANCE_UID, "2.25.1");
        fill(&mut data);
        let file = data.to_file().unwrap();
        let object = Object::parse(&file).unwrap();
        Scale::read(&object.data(), &object.data(), false).unwrap()
    }

    #[test]
    fn a_radiograph_with_a_magnification_factor_is_measured_in_the_patient() {
        let scale = scale_of(|data| {
            data.reals(tags::IMAGER_PIXEL_SPACING, &[0.2, 0.1])
                .real(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, 1.25);
        });
        let want = Scale { row_mm: 0.16, column_mm: 0.08, source: ScaleSource::DetectorCorrected };
        assert_eq!(scale, Some(want));
    }

    #[test]
    fn without_a_usable_factor_lengths_are_those_at_the_detector() {
        for factor in [None, Some(0.0), Some(-1.0)] {
            let scale = scale_of(|data| {
                data.reals(tags::IMAGER_PIXEL_SPACING, &[0.2, 0.2]);
                if let Some(factor) = factor {
                    data.real(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, factor);
                }
            });
            assert_eq!(scale.map(|s| (s.row_mm, s.source)), Some((0.2, ScaleSource::Detector)));
        }
    }

    #[test]
    fn a_spacing_that_was_calibrated_goes_before_the_detectors() {
        let scale = scale_of(|data| {
            data.reals(tags::IMAGER_PIXEL_SPACING, &[0.2, 0.2])
                .reals(tags::PIXEL_SPACING, &[0.15, 0.15])
                .real(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, 1.25);
        });
        assert_eq!(scale.map(|s| (s.row_mm, s.source)), Some((0.15, ScaleSource::Calibrated)));
    }
}
