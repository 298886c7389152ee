//! Radiotherapy structure sets (PS3.3 A.19, C.8.8.5 to C.8.8.8): contours in the patient, by region of interest.

use super::reference::InstanceRef;
use crate::attribute::{missing, tags, unreadable};
use crate::dataset::Dataset;
use crate::object::Object;
use glam::DVec3;
use medsight_record::Refusal;
use std::collections::HashMap;

/// Contours nearer than this along their normal lie in one plane.
const SAME_PLANE_MM: f64 = 0.05;
/// Most contours in one plane; real regions have some dozens.
const MOST_IN_PLANE: usize = 10_000;

/// RT Structure Set Storage.
pub const RT_STRUCTURE_SET: &str = "1.2.840.10008.5.1.4.1.1.481.3";

/// Contour Geometric Type (3006,0042).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContourKind {
    /// One point.
    Point,
    /// An open line in a plane.
    OpenPlanar,
    /// An open line in space.
    OpenNonplanar,
    /// A closed area in a plane; contours of one plane are combined by exclusive or, so that holes stay holes.
    ClosedPlanar,
}

/// One contour.
#[derive(Clone, Debug, PartialEq)]
pub struct Contour {
    /// Its form.
    pub kind: ContourKind,
    /// Millimetres in the patient.
    pub points_mm: Vec<DVec3>,
    /// The image it was drawn on.
    pub image: Option<InstanceRef>,
}

/// A region of interest.
#[derive(Clone, Debug, PartialEq)]
pub struct Roi {
    /// ROI Number (3006,0022).
    pub number: i64,
    /// ROI Name (3006,0026).
    pub name: String,
    /// ROI Description (3006,0028), may be empty.
    pub description: String,
    /// RT ROI Interpreted Type (3006,00A4): `PTV`, `ORGAN`, `EXTERNAL`…; may be empty.
    pub interpreted: String,
    /// ROI Display Color (3006,002A).
    pub rgb: Option<[u8; 3]>,
    /// Referenced Frame of Reference UID (3006,0024).
    pub frame_of_reference: String,
    /// In file order.
    pub contours: Vec<Contour>,
}

/// A structure set.
#[derive(Clone, Debug, PartialEq)]
pub struct StructureSet {
    /// Structure Set Label (3006,0002).
    pub label: String,
    /// In file order.
    pub rois: Vec<Roi>,
}

impl StructureSet {
    /// Reads a structure set.
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable: an outline with a point left out would be another organ.
    pub fn read(object: &Object<'_>) -> Result<Self, Refusal> {
        let data = object.data();
        let definitions = data.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
        if definitions.is_empty() {
            return Err(missing(tags::STRUCTURE_SET_ROI_SEQUENCE));
        }
        let number = |item: &Dataset<'_>, tag| item.integer(tag)?.ok_or_else(|| missing(tag));
        let mut rois = Vec::with_capacity(definitions.len());
        for item in &definitions {
            rois.push(Roi {
                number: number(item, tags::ROI_NUMBER)?,
                name: item.text_or_empty(tags::ROI_NAME),
                description: item.text_or_empty(tags::ROI_DESCRIPTION),
                interpreted: String::new(),
                rgb: None,
                frame_of_reference: item.text_or_empty(tags::REFERENCED_FRAME_OF_REFERENCE_UID),
                contours: Vec::new(),
            });
        }
        let places: HashMap<i64, usize> = rois.iter().enumerate().map(|(at, roi)| (roi.number, at)).collect();
        for item in data.items(tags::ROI_CONTOUR_SEQUENCE) {
            let wanted = number(&item, tags::REFERENCED_ROI_NUMBER)?;
            let Some(roi) = places.get(&wanted).map(|at| &mut rois[*at]) else {
                let what = format!("is {wanted}, which Structure Set ROI Sequence (3006,0020) does not name");
                return Err(unreadable(tags::REFERENCED_ROI_NUMBER, &what));
            };
            let rgb = item.vector::<3>(tags::ROI_DISPLAY_COLOR)?;
            roi.rgb = rgb.map(|rgb| rgb.map(|v| v.clamp(0.0, 255.0) as u8));
            for range in item.item_ranges(tags::CONTOUR_SEQUENCE) {
                if let Some(contour) = item.item(tags::CONTOUR_SEQUENCE, range) {
                    roi.contours.extend(read_contour(&contour)?);
                }
            }
        }
        for item in data.items(tags::RTROI_OBSERVATIONS_SEQUENCE) {
            let wanted = number(&item, tags::REFERENCED_ROI_NUMBER)?;
            if let Some(roi) = places.get(&wanted).map(|at| &mut rois[*at]) {
                roi.interpreted = item.text_or_empty(tags::RTROI_INTERPRETED_TYPE);
            }
        }
        Ok(Self { label: data.text_or_empty(tags::STRUCTURE_SET_LABEL), rois })
    }
}

/// `None` for a contour without points.
fn read_contour(item: &Dataset<'_>) -> Result<Option<Contour>, Refusal> {
    let (kind_tag, tag) = (tags::CONTOUR_GEOMETRIC_TYPE, tags::CONTOUR_DATA);
    let kind = match item.text(kind_tag).as_deref() {
        Some("POINT") => ContourKind::Point,
        Some("OPEN_PLANAR") => ContourKind::OpenPlanar,
        Some("OPEN_NONPLANAR") => ContourKind::OpenNonplanar,
        Some("CLOSED_PLANAR" | "CLOSEDPLANAR_XOR") => ContourKind::ClosedPlanar,
        None => return Err(missing(kind_tag)),
        Some(other) => return Err(unreadable(kind_tag, &format!("is {other}, which is not known"))),
    };
    let Some(numbers) = item.numbers(tag)? else { return Ok(None) };
    if numbers.len() % 3 != 0 {
        return Err(unreadable(tag, "does not hold points of three numbers"));
    }
    let points_mm: Vec<DVec3> = numbers.chunks_exact(3).map(DVec3::from_slice).collect();
    let count = item.integer(tags::NUMBER_OF_CONTOUR_POINTS)?;
    if count.is_some_and(|count| count != points_mm.len() as i64) {
        let what = format!("is not the {} points that are there", points_mm.len());
        return Err(unreadable(tags::NUMBER_OF_CONTOUR_POINTS, &what));
    }
    let images = InstanceRef::read_all(item, tags::CONTOUR_IMAGE_SEQUENCE);
    Ok(Some(Contour { kind, points_mm, image: images.into_iter().next() }))
}

impl Roi {
    /// The contours that lie in a plane: every point within `tolerance_mm` of it. `normal` has length 1.
    pub fn contours_in(
        &self,
        point_mm: DVec3,
        normal: DVec3,
        tolerance_mm: f64,
    ) -> impl Iterator<Item = &Contour> {
        self.contours.iter().filter(move |contour| {
            contour.points_mm.iter().all(|p| (*p - point_mm).dot(normal).abs() <= tolerance_mm)
        })
    }

    /// The closed contours by plane, ascending along the common normal, and the distance of planes.
    ///
    /// # Errors
    /// `no_planes` when there are none, or when they are not parallel.
    pub fn planes(&self) -> Result<RoiPlanes<'_>, Refusal> {
        let refuse =
            |what: &str| Refusal::new("no_planes", format!("{} {what}.", crate::named(tags::CONTOUR_DATA)));
        let closed = self.contours.iter().filter(|c| c.kind == ContourKind::ClosedPlanar);
        let closed: Vec<&Contour> = closed.filter(|c| c.points_mm.len() >= 3).collect();
        let largest = closed.iter().map(|c| area_vector(&c.points_mm));
        let largest = largest.max_by(|a, b| a.length().total_cmp(&b.length()));
        let normal = largest.map(DVec3::normalize_or_zero).filter(|n| *n != DVec3::ZERO);
        let normal = normal.ok_or_else(|| refuse("holds no closed contour"))?;
        let normal = if normal.dot(DVec3::new(0.1, 0.2, 1.0)) < 0.0 { -normal } else { normal };
        let mut placed: Vec<(f64, &Contour)> = Vec::with_capacity(closed.len());
        for contour in closed {
            let along = contour.points_mm.iter().map(|p| p.dot(normal));
            let (low, high) = along.fold((f64::MAX, f64::MIN), |(l, h), a| (l.min(a), h.max(a)));
            if high - low > 0.5 {
                return Err(refuse("holds contours that are not parallel"));
            }
            placed.push(((low + high) / 2.0, contour));
        }
        placed.sort_by(|a, b| a.0.total_cmp(&b.0)); // stable: file order within a plane
        let mut planes: Vec<(f64, Vec<&Contour>)> = Vec::new();
        for (at, contour) in placed {
            match planes.last_mut().filter(|(known, _)| at - known < SAME_PLANE_MM) {
                Some((_, members)) => members.push(contour),
                None => planes.push((at, vec![contour])),
            }
        }
        if planes.iter().any(|(_, members)| members.len() > MOST_IN_PLANE) {
            return Err(refuse("holds more than 10000 contours in one plane"));
        }
        let mut gaps: Vec<f64> = planes.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        gaps.sort_by(f64::total_cmp);
        let spacing_mm = gaps.get(gaps.len() / 2).copied();
        Ok(RoiPlanes { normal, spacing_mm, planes })
    }
}

/// Closed contours by plane.
#[derive(Clone, Debug, PartialEq)]
pub struct RoiPlanes<'r> {
    /// Unit normal of all planes.
    pub normal: DVec3,
    /// The median distance of planes, millimetres; `None` for a single plane.
    pub spacing_mm: Option<f64>,
    /// Position along the normal in millimetres, and the contours there.
    pub planes: Vec<(f64, Vec<&'r Contour>)>,
}

impl RoiPlanes<'_> {
    /// Volume by area times distance of planes, holes left out; cubic millimetres. 0 for a single plane.
    pub fn volume_mm3(&self) -> f64 {
        let Some(spacing_mm) = self.spacing_mm else { return 0.0 };
        self.planes.iter().map(|(_, contours)| self.area_mm2(contours) * spacing_mm).sum()
    }

    /// Area of the contours of one plane: those inside an odd number of others are holes.
    fn area_mm2(&self, contours: &[&Contour]) -> f64 {
        let (x, y) = self.axes();
        let flat: Vec<Vec<[f64; 2]>> =
            contours.iter().map(|c| c.points_mm.iter().map(|p| [p.dot(x), p.dot(y)]).collect()).collect();
        let signed = |i: usize| {
            let others = flat.iter().enumerate().filter(|(j, other)| *j != i && inside(other, flat[i][0]));
            let area = area_vector(&contours[i].points_mm).dot(self.normal).abs() / 2.0;
            if others.count() % 2 == 0 { area } else { -area }
        };
        (0..flat.len()).map(signed).sum()
    }

    /// Two unit vectors in the planes.
    pub fn axes(&self) -> (DVec3, DVec3) {
        let x = (DVec3::X - self.normal * self.normal.x).try_normalize();
        let x = x.unwrap_or_else(|| self.normal.any_orthonormal_vector());
        (x, self.normal.cross(x))
    }
}

/// Twice the area of a closed contour, as a vector along its normal.
fn area_vector(points: &[DVec3]) -> DVec3 {
    let first = points[0]; // callers have at least three points
    points.windows(2).map(|pair| (pair[0] - first).cross(pair[1] - first)).sum()
}

/// Even-odd rule.
fn inside(corners: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let ends = corners.iter().cycle().skip(1);
    let crossed = corners
        .iter()
        .zip(ends)
        .filter(|([ax, ay], [bx, by])| (*ay > y) != (*by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax);
    crossed.count() % 2 == 1
}
