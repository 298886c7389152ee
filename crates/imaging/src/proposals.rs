//! A proposal on the light box as the labels that the desk stores: over the slices of its volume, each with its image.

use glam::DVec3;
use medsight_dicom::derived::slice_places;
use medsight_image::Field;
use medsight_record::{ImageRef, LabelRuns, LabelsToWrite, SlicePlaces};
use medsight_viewport::LightBox;
use uuid::Uuid;

/// The labels of a proposal as they are shown now; `None` where its volume is not there.
pub(crate) fn labels_to_write(light_box: &LightBox, id: Uuid) -> Option<LabelsToWrite> {
    let set = light_box.open_proposal(id)?;
    let proposed = set.proposed.as_ref()?;
    let shown = light_box.series.iter().filter(|series| series.uid == proposed.images);
    let (series, volume) = shown.filter_map(|series| Some((series, series.volume()?))).next()?;
    let Field::Labels(grid) = set.grids.first()?.as_ref() else { return None };
    let places = slice_places(volume, &series.frame_of_reference);
    let image =
        |slice: &medsight_viewport::Slice| Some((slice.image(), slice.facts.as_ref()?.place?.origin_mm));
    let images: Vec<(ImageRef, DVec3)> = series.slices.iter().filter_map(image).collect();
    Some(LabelsToWrite {
        images: proposed.images.clone(),
        slices: nearest_images(&places, &images),
        places,
        maker: proposed.maker.clone(),
        meanings: set.meanings.clone(),
        labels: LabelRuns::of(grid.onto(volume)?.labels()),
    })
}

/// For each slice the image that lies nearest: its own, but where the volume was made even.
pub(crate) fn nearest_images(places: &SlicePlaces, images: &[(ImageRef, DVec3)]) -> Vec<ImageRef> {
    let [right, down] = places.axes.map(DVec3::from_array);
    let normal = right.cross(down);
    let nearest = |position: &[f64; 3]| {
        let position = DVec3::from_array(*position);
        let off = |(_, origin): &&(ImageRef, DVec3)| (*origin - position).dot(normal).abs();
        images.iter().min_by(|a, b| off(a).total_cmp(&off(b))).map(|(image, _)| image.clone())
    };
    places.positions_mm.iter().filter_map(nearest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_base::InstanceUid;

    #[test]
    fn a_slice_that_was_put_between_two_images_names_the_nearer_one() {
        let image = |number: u32, z: f64| {
            let instance = InstanceUid::parse(&format!("1.2.{number}")).unwrap();
            (ImageRef { instance, frame: 0 }, DVec3::new(0.0, 0.0, z))
        };
        let images = [image(1, 0.0), image(2, 5.0)];
        let places = SlicePlaces {
            size_px: [1, 1],
            axes: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            spacing_mm: [1.0, 1.0],
            thickness_mm: 2.0,
            positions_mm: vec![[0.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 4.0]],
            frame_of_reference: "1.2".into(),
        };
        let named = nearest_images(&places, &images);
        let last = |image: &ImageRef| image.instance.as_str().rsplit('.').next().unwrap().to_owned();
        assert_eq!(named.iter().map(last).collect::<Vec<_>>(), ["1", "1", "2"]);
    }
}
