//! Greyscale softcopy presentation states, writing (PS3.3 A.33.1): a look, drawings, shutters and areas.

use super::color::lab_from_rgb;
use super::gsps::{
    AreaSize, DisplayedArea, GRAYSCALE_PRESENTATION_STATE, GraphicAnnotation, GraphicLayer, GraphicObject,
    PresentationState, TextObject, Units,
};
use super::header::NewInstance;
use super::reference::{InstanceRef, referenced_images};
use crate::attribute::{Tag, tags};
use crate::lut::ModalityLut;
use crate::new_dataset::NewDataset;
use medsight_image::{Shutter, VoiFunction, Window};
use medsight_record::Refusal;

/// The look of grey values on some images.
#[derive(Clone, Debug, PartialEq)]
pub struct NewLook {
    /// Windows, each for the images that follow it; no images: for all.
    pub windows: Vec<(Window, Vec<InstanceRef>)>,
    /// The images' own modality transform, which a state has to repeat; rescale only.
    pub modality: Option<ModalityLut>,
    /// Unit of modality values, as Rescale Type (0028,1054): `HU`, `US`.
    pub rescale_type: String,
    /// Dark and bright are changed against rising values.
    pub inverse: bool,
    /// Quarter turns clockwise, 0 to 3.
    pub quarter_turns: u8,
    /// Left and right are changed, after the turn.
    pub flipped: bool,
}

fn refuse(reason: impl Into<String>) -> Refusal {
    Refusal::new("unwritable", reason)
}

impl PresentationState {
    /// The file.
    ///
    /// # Errors
    /// `unwritable`: no image or no displayed area, a drawing whose layer is not listed, a form with the wrong
    /// number of points, a modality table, or a text that its attribute cannot hold.
    pub fn to_file(&self, header: &NewInstance, look: &NewLook) -> Result<Vec<u8>, Refusal> {
        self.check()?;
        let mut fields = header.fields(GRAYSCALE_PRESENTATION_STATE, "PR");
        let (date, time) = header.local();
        fields
            .text(tags::PRESENTATION_CREATION_DATE, &date)
            .text(tags::PRESENTATION_CREATION_TIME, &time)
            .text(tags::CONTENT_LABEL, &self.label)
            .text(tags::CONTENT_DESCRIPTION, &self.description)
            .text(tags::CONTENT_CREATOR_NAME, &self.creator)
            .empty(tags::LATERALITY)
            .items(tags::REFERENCED_SERIES_SEQUENCE, referenced_images(&self.images))
            .items(
                tags::DISPLAYED_AREA_SELECTION_SEQUENCE,
                self.areas.iter().map(|a| area_item(a, look)).collect(),
            );
        if !self.layers.is_empty() {
            fields.items(tags::GRAPHIC_LAYER_SEQUENCE, self.layers.iter().map(layer_item).collect());
        }
        if !self.annotations.is_empty() {
            let items = self.annotations.iter().map(annotation_item).collect();
            fields.items(tags::GRAPHIC_ANNOTATION_SEQUENCE, items);
        }
        if let Some(shutter) = &self.shutter {
            put_shutter(&mut fields, shutter);
        }
        put_look(&mut fields, look)?;
        fields.to_file()
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.images.is_empty() || self.areas.is_empty() {
            return Err(refuse("A presentation state needs an image and a displayed area."));
        }
        for annotation in &self.annotations {
            if !self.layers.iter().any(|l| l.name == annotation.layer) {
                return Err(refuse("A drawing is on a layer that Graphic Layer Sequence does not list."));
            }
            if annotation.graphics.is_empty() && annotation.texts.is_empty() {
                return Err(refuse("An annotation has neither a form nor a text."));
            }
            for graphic in &annotation.graphics {
                let (term, points) = (graphic.drawing.term(), graphic.points.len());
                if !graphic.drawing.allows(points) {
                    return Err(refuse(format!("{points} points make no {term}.")));
                }
            }
            if annotation.texts.iter().any(|t| t.bounds.is_none() && t.anchor.is_none()) {
                return Err(refuse("A text has neither a box nor an anchor."));
            }
        }
        Ok(())
    }
}

/// PS3.3 C.7.6.11 and C.11.12; rows and columns count from 1 in the file.
fn put_shutter(fields: &mut NewDataset, shutter: &Shutter) {
    let mut shapes = Vec::new();
    if let Some([left, upper, right, lower]) = shutter.rectangle_px {
        shapes.push("RECTANGULAR");
        fields
            .integer(tags::SHUTTER_LEFT_VERTICAL_EDGE, left + 1)
            .integer(tags::SHUTTER_UPPER_HORIZONTAL_EDGE, upper + 1)
            .integer(tags::SHUTTER_RIGHT_VERTICAL_EDGE, right + 1)
            .integer(tags::SHUTTER_LOWER_HORIZONTAL_EDGE, lower + 1);
    }
    if let Some([column, row, radius]) = shutter.circle_px {
        shapes.push("CIRCULAR");
        fields
            .integers(tags::CENTER_OF_CIRCULAR_SHUTTER, &[row + 1, column + 1])
            .integer(tags::RADIUS_OF_CIRCULAR_SHUTTER, radius);
    }
    if !shutter.polygon_px.is_empty() {
        shapes.push("POLYGONAL");
        let numbers: Vec<i64> =
            shutter.polygon_px.iter().flat_map(|[column, row]| [row + 1, column + 1]).collect();
        fields.integers(tags::VERTICES_OF_THE_POLYGONAL_SHUTTER, &numbers);
    }
    fields
        .texts(tags::SHUTTER_SHAPE, &shapes)
        .integer(tags::SHUTTER_PRESENTATION_VALUE, i64::from(shutter.value));
}

fn put_images(item: &mut NewDataset, images: &[InstanceRef]) {
    if !images.is_empty() {
        item.items(tags::REFERENCED_IMAGE_SEQUENCE, images.iter().map(InstanceRef::item).collect());
    }
}

/// Modality, VOI and presentation LUT, rotation and flip (PS3.3 C.11.1, C.11.8, C.11.6, C.10.6).
fn put_look(fields: &mut NewDataset, look: &NewLook) -> Result<(), Refusal> {
    match look.modality {
        None => {}
        Some(ModalityLut::Rescale { slope, intercept }) => {
            let unit = if look.rescale_type.is_empty() { "US" } else { &look.rescale_type };
            fields
                .real(tags::RESCALE_INTERCEPT, intercept)
                .real(tags::RESCALE_SLOPE, slope)
                .text(tags::RESCALE_TYPE, unit);
        }
        Some(ModalityLut::Table(_)) => {
            return Err(refuse(
                "Images with a Modality LUT Sequence (0028,3000) cannot have a state from here.",
            ));
        }
    }
    let window = |(window, images): &(Window, Vec<InstanceRef>)| {
        let mut item = NewDataset::new();
        put_images(&mut item, images);
        item.real(tags::WINDOW_CENTER, window.center()).real(tags::WINDOW_WIDTH, window.width());
        match window.function() {
            VoiFunction::Linear => {}
            VoiFunction::LinearExact => {
                item.text(tags::VOILUT_FUNCTION, "LINEAR_EXACT");
            }
            VoiFunction::Sigmoid => {
                item.text(tags::VOILUT_FUNCTION, "SIGMOID");
            }
        }
        item
    };
    if !look.windows.is_empty() {
        fields.items(tags::SOFTCOPY_VOILUT_SEQUENCE, look.windows.iter().map(window).collect());
    }
    fields.text(tags::PRESENTATION_LUT_SHAPE, if look.inverse { "INVERSE" } else { "IDENTITY" });
    if !look.quarter_turns.is_multiple_of(4) || look.flipped {
        fields
            .integer(tags::IMAGE_ROTATION, i64::from(look.quarter_turns % 4) * 90)
            .text(tags::IMAGE_HORIZONTAL_FLIP, if look.flipped { "Y" } else { "N" });
    }
    Ok(())
}

/// PS3.3 C.10.4: the corners are those on the screen, so a turned picture names other pixels of the image.
fn corners(area: &DisplayedArea, look: &NewLook) -> [[i64; 2]; 2] {
    let ([left, top], [right, bottom]) = (area.top_left, area.bottom_right);
    // Clockwise from the upper left of the image; a quarter turn moves each to the next place.
    let image = [[left, top], [right, top], [right, bottom], [left, bottom]];
    let shown = |place: usize| image[(place + 4 - usize::from(look.quarter_turns % 4)) % 4];
    if look.flipped { [shown(1), shown(3)] } else { [shown(0), shown(2)] }
}

fn area_item(area: &DisplayedArea, look: &NewLook) -> NewDataset {
    let mut item = NewDataset::new();
    put_images(&mut item, &area.images);
    let [top_left, bottom_right] = corners(area, look);
    item.integers(tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER, &top_left)
        .integers(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER, &bottom_right);
    match area.size {
        AreaSize::ScaleToFit => item.text(tags::PRESENTATION_SIZE_MODE, "SCALE TO FIT"),
        AreaSize::TrueSize => item.text(tags::PRESENTATION_SIZE_MODE, "TRUE SIZE"),
        AreaSize::Magnify(ratio) => item
            .text(tags::PRESENTATION_SIZE_MODE, "MAGNIFY")
            .real(tags::PRESENTATION_PIXEL_MAGNIFICATION_RATIO, ratio),
    };
    match area.spacing_mm {
        Some(spacing) => item.reals(tags::PRESENTATION_PIXEL_SPACING, &spacing),
        None => item.integers(tags::PRESENTATION_PIXEL_ASPECT_RATIO, &[1, 1]),
    };
    item
}

fn layer_item(layer: &GraphicLayer) -> NewDataset {
    let mut item = NewDataset::new();
    item.text(tags::GRAPHIC_LAYER, &layer.name)
        .integer(tags::GRAPHIC_LAYER_ORDER, layer.order)
        .text_if(tags::GRAPHIC_LAYER_DESCRIPTION, &layer.description);
    if let Some(rgb) = layer.rgb {
        let lab = lab_from_rgb(rgb).map(i64::from);
        item.integers(tags::GRAPHIC_LAYER_RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &lab);
    }
    item
}

fn put_units(item: &mut NewDataset, tag: Tag, units: Units) {
    item.text(tag, if units == Units::Pixel { "PIXEL" } else { "DISPLAY" });
}

fn annotation_item(annotation: &GraphicAnnotation) -> NewDataset {
    let mut item = NewDataset::new();
    put_images(&mut item, &annotation.images);
    item.text(tags::GRAPHIC_LAYER, &annotation.layer);
    if !annotation.texts.is_empty() {
        item.items(tags::TEXT_OBJECT_SEQUENCE, annotation.texts.iter().map(text_item).collect());
    }
    if !annotation.graphics.is_empty() {
        item.items(tags::GRAPHIC_OBJECT_SEQUENCE, annotation.graphics.iter().map(graphic_item).collect());
    }
    item
}

fn graphic_item(graphic: &GraphicObject) -> NewDataset {
    let mut item = NewDataset::new();
    put_units(&mut item, tags::GRAPHIC_ANNOTATION_UNITS, graphic.units);
    item.integer(tags::GRAPHIC_DIMENSIONS, 2)
        .integer(tags::NUMBER_OF_GRAPHIC_POINTS, graphic.points.len() as i64)
        .reals(tags::GRAPHIC_DATA, graphic.points.as_flattened())
        .text(tags::GRAPHIC_TYPE, graphic.drawing.term())
        .text(tags::GRAPHIC_FILLED, if graphic.filled { "Y" } else { "N" });
    item
}

fn text_item(text: &TextObject) -> NewDataset {
    let mut item = NewDataset::new();
    item.text(tags::UNFORMATTED_TEXT_VALUE, &text.text);
    if let Some((top_left, units, bottom_right)) = &text.bounds {
        put_units(&mut item, tags::BOUNDING_BOX_ANNOTATION_UNITS, *units);
        item.reals(tags::BOUNDING_BOX_TOP_LEFT_HAND_CORNER, top_left)
            .reals(tags::BOUNDING_BOX_BOTTOM_RIGHT_HAND_CORNER, bottom_right)
            .text(tags::BOUNDING_BOX_TEXT_HORIZONTAL_JUSTIFICATION, "LEFT");
    }
    if let Some((point, units, visible)) = &text.anchor {
        put_units(&mut item, tags::ANCHOR_POINT_ANNOTATION_UNITS, *units);
        item.reals(tags::ANCHOR_POINT, point)
            .text(tags::ANCHOR_POINT_VISIBILITY, if *visible { "Y" } else { "N" });
    }
    item
}
