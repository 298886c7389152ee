//! What lies under a screen point of a cell: an image pixel, or a point on a plane through a volume.
//!
//! `local` is (column, row) in pixels on a stored image, and millimetres along (right, down) on a plane.

use egui::{Pos2, Rect, pos2};
use glam::{DAffine2, DMat2, DVec2, DVec3};
use medsight_base::{InstanceUid, Plane, SeriesUid};
use medsight_image::Volume;
use medsight_record::{ImageRef, NoScale, Place, ScaleSource};

use crate::cell::Cell;
use crate::mpr::{Mpr, extent_along};
use crate::series::{Series, Slice, SliceFacts, SlicePlace, UltrasoundScale};

/// What kind of surface a cell shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Space {
    /// A stored image.
    Image {
        /// Series.
        series: SeriesUid,
        /// Image.
        instance: InstanceUid,
        /// Frame, from 0.
        frame: u32,
        /// Its place in the patient.
        place: Option<SlicePlace>,
        /// Scale of the whole image.
        scale: Option<(DVec2, ScaleSource)>,
        /// Height of a pixel over its width.
        aspect: f64,
        /// Ultrasound regions with their own scale.
        regions: Vec<UltrasoundScale>,
    },
    /// A plane through a volume.
    Plane {
        /// Series.
        series: SeriesUid,
        /// An image of the volume.
        image: Option<ImageRef>,
        /// Time point of the volume.
        time: usize,
        /// Patient position of local (0, 0).
        origin_mm: DVec3,
        /// Unit vector of local x.
        right: DVec3,
        /// Unit vector of local y.
        down: DVec3,
        /// Thickness shown.
        slab_mm: f64,
        /// Parallel to the slices of the volume.
        along_slices: bool,
    },
}

/// The mapping of one cell between the screen and what it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// Local coordinates from screen points.
    pub local_from_screen: DAffine2,
    /// What is shown.
    pub space: Space,
}

fn dvec(p: Pos2) -> DVec2 {
    DVec2::new(f64::from(p.x), f64::from(p.y))
}

/// Points on the screen in one image column when the whole image fits.
pub(crate) fn points_per_unit(size: DVec2, rect: Rect, swapped: bool) -> f64 {
    let size = if swapped { DVec2::new(size.y, size.x) } else { size };
    let room = DVec2::new(f64::from(rect.width()), f64::from(rect.height()));
    (room.x / size.x.max(1e-9)).min(room.y / size.y.max(1e-9)).max(1e-9)
}

impl Surface {
    /// Unit normal of what is shown, when it has a place in the patient.
    pub(crate) fn normal(&self) -> Option<DVec3> {
        match &self.space {
            Space::Image { place, .. } => place.map(|place| place.normal()),
            Space::Plane { right, down, .. } => Some(right.cross(*down)),
        }
    }

    /// The surface of a stored image in `rect`.
    pub fn of_image(
        cell: &Cell,
        rect: Rect,
        series: &SeriesUid,
        instance: &InstanceUid,
        frame: u32,
        facts: &SliceFacts,
    ) -> Self {
        let size = DVec2::new(facts.size_px[0] as f64, facts.size_px[1] as f64);
        let stretched = DVec2::new(size.x, size.y * facts.pixel_aspect);
        let scale = points_per_unit(stretched, rect, cell.orientation.swaps_axes()) * cell.zoom;
        let middle = dvec(rect.center()) + cell.pan * cell.zoom;
        let shape = DMat2::from_diagonal(DVec2::new(1.0 / scale, 1.0 / (scale * facts.pixel_aspect)));
        let local_from_screen = DAffine2::from_translation(size / 2.0 - 0.5)
            * DAffine2::from_mat2(shape * cell.orientation.image_from_screen())
            * DAffine2::from_translation(-middle);
        Self {
            local_from_screen,
            space: Space::Image {
                series: series.clone(),
                instance: instance.clone(),
                frame,
                place: facts.place,
                scale: facts.scale.map(|s| (s.mm_per_px, s.source)),
                aspect: facts.pixel_aspect,
                regions: facts.regions.clone(),
            },
        }
    }

    /// The surface of a plane through a volume in `rect`.
    pub fn of_plane(
        cell: &Cell,
        rect: Rect,
        series: &Series,
        plane: Plane,
        mpr: &Mpr,
        volume: &Volume,
    ) -> Self {
        let [right, down] = mpr.axes(plane);
        let normal = right.cross(down);
        let span = |direction| {
            let (low, high) = extent_along(volume, direction);
            high - low
        };
        let size = DVec2::new(span(right), span(down)).max(DVec2::splat(1.0)) * 1.02;
        let scale = points_per_unit(size, rect, cell.orientation.swaps_axes()) * cell.zoom;
        let middle = dvec(rect.center()) + cell.pan * cell.zoom;
        // The middle of the volume stays in the middle of the cell while the crosshair moves.
        let center = volume.center_mm();
        let origin_mm = center + normal * (mpr.center_mm - center).dot(normal);
        let local_from_screen = DAffine2::from_mat2(
            DMat2::from_diagonal(DVec2::splat(1.0 / scale)) * cell.orientation.image_from_screen(),
        ) * DAffine2::from_translation(-middle);
        Self {
            local_from_screen,
            space: Space::Plane {
                series: series.uid.clone(),
                image: series.slices.first().map(Slice::image),
                time: volume.time,
                origin_mm,
                right,
                down,
                slab_mm: mpr.slab_mm,
                along_slices: normal.dot(volume.axes[2]).abs() > 0.9999,
            },
        }
    }

    /// Local coordinates under a screen point.
    pub fn local(&self, screen: Pos2) -> DVec2 {
        self.local_from_screen.transform_point2(dvec(screen))
    }

    /// Screen point of local coordinates.
    pub fn screen(&self, local: DVec2) -> Pos2 {
        let p = self.local_from_screen.inverse().transform_point2(local);
        pos2(p.x as f32, p.y as f32)
    }

    /// Patient coordinates of local ones, when the file gives a place.
    pub fn patient(&self, local: DVec2) -> Option<DVec3> {
        match &self.space {
            Space::Image { place, .. } => place.map(|place| place.patient_from_image(local)),
            Space::Plane { origin_mm, right, down, .. } => {
                Some(*origin_mm + *right * local.x + *down * local.y)
            }
        }
    }

    /// Local coordinates of a patient point projected on the surface, and its distance from it.
    pub fn local_from_patient(&self, patient_mm: DVec3) -> Option<(DVec2, f64)> {
        match &self.space {
            Space::Image { place, .. } => place.map(|place| place.image_from_patient(patient_mm)),
            Space::Plane { origin_mm, right, down, .. } => {
                let d = patient_mm - *origin_mm;
                Some((DVec2::new(d.dot(*right), d.dot(*down)), d.dot(right.cross(*down))))
            }
        }
    }

    /// Patient directions of screen right and screen down; not of unit length.
    pub fn screen_directions(&self) -> Option<[DVec3; 2]> {
        let along = |step: DVec2| {
            let local = self.local_from_screen.transform_vector2(step);
            match &self.space {
                Space::Image { place, .. } => {
                    place.map(|p| p.right * local.x * p.spacing_mm.x + p.down * local.y * p.spacing_mm.y)
                }
                Space::Plane { right, down, .. } => Some(*right * local.x + *down * local.y),
            }
        };
        Some([along(DVec2::X)?, along(DVec2::Y)?])
    }

    /// Millimetres of a local unit along x and y between some points, and where that comes from.
    ///
    /// On ultrasound all points must lie in one calibrated region, or outside of all regions.
    ///
    /// # Errors
    /// Why there are none; `None` when the file says nothing.
    pub fn scale(&self, points: &[DVec2]) -> Result<(DVec2, ScaleSource), Option<NoScale>> {
        match &self.space {
            Space::Plane { along_slices: true, .. } => Ok((DVec2::ONE, ScaleSource::PixelSpacing)),
            Space::Plane { .. } => Ok((DVec2::ONE, ScaleSource::Volume)),
            Space::Image { scale, regions, .. } => {
                let region_of = |p: &DVec2| {
                    regions.iter().rposition(|r| p.cmpge(r.min_px).all() && p.cmple(r.max_px).all())
                };
                let region = points.first().and_then(region_of);
                if points.iter().any(|p| region_of(p) != region) {
                    return Err(Some(NoScale::CrossesRegions));
                }
                match region {
                    Some(region) => {
                        let mm = regions[region].mm_per_px.ok_or(Some(NoScale::RegionWithoutLengths))?;
                        Ok((mm, ScaleSource::UltrasoundRegion))
                    }
                    None => scale.ok_or(None),
                }
            }
        }
    }

    /// Width and height of a local unit, in some unit of length.
    pub(crate) fn unit_shape(&self) -> DVec2 {
        match &self.space {
            Space::Image { aspect, .. } => DVec2::new(1.0, *aspect),
            Space::Plane { .. } => DVec2::ONE,
        }
    }

    /// Points of the screen in a millimetre, along screen x; for the scale bar.
    pub fn screen_per_mm(&self, at: Pos2) -> Option<(f64, ScaleSource)> {
        let (mm, source) = self.scale(&[self.local(at)]).ok()?;
        let step = self.local_from_screen.transform_vector2(DVec2::X) * mm;
        let length = step.length();
        (length > 0.0).then(|| (1.0 / length, source))
    }

    /// Where an annotation with these points stands.
    pub fn place(&self, points: &[DVec2]) -> Place {
        match &self.space {
            Space::Image { series, instance, frame, .. } => Place::Image {
                series: series.clone(),
                instance: instance.clone(),
                frame: *frame,
                points_px: points.iter().map(|p| p.to_array()).collect(),
            },
            Space::Plane { series, image, time, origin_mm, right, down, slab_mm, .. } => Place::Plane {
                series: series.clone(),
                image: image.clone(),
                time: u32::try_from(*time).unwrap_or(0),
                points_mm: points
                    .iter()
                    .map(|p| (*origin_mm + *right * p.x + *down * p.y).to_array())
                    .collect(),
                right: right.to_array(),
                down: down.to_array(),
                slab_mm: *slab_mm,
            },
        }
    }

    /// Points in the patient with the normal of the plane they were drawn on, on this surface; `None` when the
    /// surface is not that plane: turned against it, or further than half a slab (half a millimetre at least).
    pub(crate) fn points_seen(&self, (points_mm, normal): &(Vec<DVec3>, DVec3)) -> Option<Vec<DVec2>> {
        let (own_normal, slab_mm) = match &self.space {
            Space::Image { place, .. } => ((*place)?.normal(), 0.0),
            Space::Plane { right, down, slab_mm, .. } => (right.cross(*down), *slab_mm),
        };
        if points_mm.is_empty() || own_normal.dot(*normal).abs() < 0.9999 {
            return None;
        }
        let reach_mm = (slab_mm / 2.0).max(0.5);
        let near = |p: &DVec3| {
            let (local, distance_mm) = self.local_from_patient(*p)?;
            (distance_mm.abs() <= reach_mm).then_some(local)
        };
        points_mm.iter().map(near).collect()
    }

    /// The points of an annotation on this surface; `None` when it does not lie on it. Whether it belongs to the
    /// same stack is for [`crate::LightBox`] to say.
    ///
    /// On a plane, what lies within half the slab (half a millimetre at least) and is parallel is shown.
    pub fn points_of(&self, place: &Place) -> Option<Vec<DVec2>> {
        match (&self.space, place) {
            (
                Space::Image { series, instance, frame, .. },
                Place::Image { series: on_series, instance: on, frame: on_frame, points_px },
            ) => (series == on_series && instance == on && frame == on_frame)
                .then(|| points_px.iter().map(|p| DVec2::from_array(*p)).collect()),
            (
                Space::Plane { time, right, down, slab_mm, .. },
                Place::Plane { points_mm, right: on_right, down: on_down, time: on_time, .. },
            ) => {
                let normal = right.cross(*down);
                let on_normal = DVec3::from_array(*on_right).cross(DVec3::from_array(*on_down));
                if *on_time as usize != *time || normal.dot(on_normal).abs() < 0.9999 {
                    return None;
                }
                let reach = (slab_mm / 2.0).max(0.5);
                let local = points_mm.iter().filter_map(|p| self.local_from_patient(DVec3::from_array(*p)));
                let local: Vec<_> = local.collect();
                local
                    .iter()
                    .all(|(_, d)| d.abs() <= reach)
                    .then(|| local.into_iter().map(|(p, _)| p).collect())
            }
            _ => None,
        }
    }
}
