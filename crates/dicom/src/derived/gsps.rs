//! Greyscale softcopy presentation states (PS3.3 A.33.1): drawings, shutters, displayed areas and layers. Reading.
//!
//! How grey values look under a state (modality, window, presentation LUT, rotation) is [`crate::Softcopy`];
//! writing is `gsps_write.rs`.

use super::color::rgb_from_lab;
use super::reference::{Evidence, InstanceRef};
use crate::attribute::{Tag, missing, tags, unreadable};
use crate::dataset::Dataset;
use crate::object::Object;
use crate::shutter::shutter_of;
use medsight_image::{Shutter, VolumeWarning};
use medsight_record::Refusal;

/// Grayscale Softcopy Presentation State Storage.
pub const GRAYSCALE_PRESENTATION_STATE: &str = "1.2.840.10008.5.1.4.1.1.11.1";

/// What coordinates count (PS3.3 C.10.5.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Units {
    /// Pixels of the image: (column, row), (0, 0) the upper left corner of the first pixel.
    #[default]
    Pixel,
    /// Parts of the displayed area, 0 to 1 from its upper left corner.
    Display,
}

/// Form of a drawing (Graphic Type, 0070,0023).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the term of its name")]
pub enum Drawing {
    Point,
    Polyline,
    /// A curve through the points.
    Interpolated,
    /// Centre, point on the circle.
    Circle,
    /// Ends of the major axis, ends of the minor axis.
    Ellipse,
}

impl Drawing {
    pub(crate) const ALL: [Self; 5] =
        [Self::Point, Self::Polyline, Self::Interpolated, Self::Circle, Self::Ellipse];

    /// The defined term.
    pub fn term(self) -> &'static str {
        match self {
            Self::Point => "POINT",
            Self::Polyline => "POLYLINE",
            Self::Interpolated => "INTERPOLATED",
            Self::Circle => "CIRCLE",
            Self::Ellipse => "ELLIPSE",
        }
    }

    /// True when the form can have this many points.
    pub fn allows(self, points: usize) -> bool {
        match self {
            Self::Point => points == 1,
            Self::Circle => points == 2,
            Self::Ellipse => points == 4,
            Self::Polyline | Self::Interpolated => points >= 2,
        }
    }
}

/// A drawn form.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphicObject {
    /// Form.
    pub drawing: Drawing,
    /// What its points count.
    pub units: Units,
    /// (column, row).
    pub points: Vec<[f64; 2]>,
    /// Graphic Filled (0070,0024) is Y.
    pub filled: bool,
}

/// A written text: in a box, at an anchor, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct TextObject {
    /// Unformatted Text Value (0070,0006), lines divided by CR LF.
    pub text: String,
    /// Upper left and lower right corner of its box.
    pub bounds: Option<([f64; 2], Units, [f64; 2])>,
    /// The point that it is about, and whether a line leads there.
    pub anchor: Option<([f64; 2], Units, bool)>,
}

/// Drawings of one layer over some images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphicAnnotation {
    /// Graphic Layer (0070,0002).
    pub layer: String,
    /// Over which images; empty: over all of the state.
    pub images: Vec<InstanceRef>,
    /// Forms.
    pub graphics: Vec<GraphicObject>,
    /// Texts.
    pub texts: Vec<TextObject>,
}

/// A layer of drawings.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphicLayer {
    /// Graphic Layer (0070,0002).
    pub name: String,
    /// Layers are drawn in this order.
    pub order: i64,
    /// Graphic Layer Description (0070,0068), may be empty.
    pub description: String,
    /// Recommended colour.
    pub rgb: Option<[u8; 3]>,
}

/// How large an area is shown (PS3.3 C.10.4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AreaSize {
    /// As large as the window allows.
    ScaleToFit,
    /// True size on the screen.
    TrueSize,
    /// Screen pixels for a pixel of the image.
    Magnify(f64),
}

/// Which part of an image is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct DisplayedArea {
    /// Of which images; empty: of all of the state.
    pub images: Vec<InstanceRef>,
    /// Least column and row of the image that are shown, counted from 1, whatever the turn on the screen; may lie
    /// outside the image.
    pub top_left: [i64; 2],
    /// Largest column and row, counted from 1.
    pub bottom_right: [i64; 2],
    /// How large.
    pub size: AreaSize,
    /// Presentation Pixel Spacing (0070,0101): rows, columns; millimetres.
    pub spacing_mm: Option<[f64; 2]>,
}

/// All of a state but the look of grey values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PresentationState {
    /// Content Label (0070,0080).
    pub label: String,
    /// Content Description (0070,0081), may be empty.
    pub description: String,
    /// Content Creator's Name (0070,0084), may be empty.
    pub creator: String,
    /// The images, with their series; the study is the state's own.
    pub images: Vec<Evidence>,
    /// Layers in the order of drawing.
    pub layers: Vec<GraphicLayer>,
    /// Drawings.
    pub annotations: Vec<GraphicAnnotation>,
    /// Displayed areas.
    pub areas: Vec<DisplayedArea>,
    /// What is covered.
    pub shutter: Option<Shutter>,
    /// What a reader has to know: a shutter that cannot be used.
    pub warnings: Vec<VolumeWarning>,
}

impl PresentationState {
    /// Reads a state.
    ///
    /// # Errors
    /// Names the attribute that is missing or unusable.
    pub fn read(state: &Object<'_>) -> Result<Self, Refusal> {
        let data = state.data();
        let study = data.text_or_empty(tags::STUDY_INSTANCE_UID);
        let series = data.items(tags::REFERENCED_SERIES_SEQUENCE);
        let mut images = Vec::new();
        for series in &series {
            let uid = series.text_or_empty(tags::SERIES_INSTANCE_UID);
            let of_series = InstanceRef::read_all(series, tags::REFERENCED_IMAGE_SEQUENCE);
            images.extend(of_series.into_iter().map(|instance| Evidence {
                study: study.clone(),
                series: uid.clone(),
                instance,
            }));
        }
        if images.is_empty() {
            return Err(missing(tags::REFERENCED_SERIES_SEQUENCE));
        }
        let mut warnings = Vec::new();
        let all = |tag: Tag| data.items(tag);
        let mut layers: Vec<GraphicLayer> =
            all(tags::GRAPHIC_LAYER_SEQUENCE).iter().map(layer).collect::<Result<_, _>>()?;
        layers.sort_by_key(|l| l.order);
        Ok(Self {
            label: data.text_or_empty(tags::CONTENT_LABEL),
            description: data.text_or_empty(tags::CONTENT_DESCRIPTION),
            creator: data.text_or_empty(tags::CONTENT_CREATOR_NAME),
            images,
            layers,
            annotations: all(tags::GRAPHIC_ANNOTATION_SEQUENCE)
                .iter()
                .map(annotation)
                .collect::<Result<_, _>>()?,
            areas: all(tags::DISPLAYED_AREA_SELECTION_SEQUENCE).iter().map(area).collect::<Result<_, _>>()?,
            shutter: shutter_of(&data, &mut warnings),
            warnings,
        })
    }

    /// The drawings over a frame of an image, `frame` counted from 0, in the order of their layers.
    pub fn annotations_on(&self, instance: &str, frame: u32) -> Vec<&GraphicAnnotation> {
        let order = |a: &GraphicAnnotation| self.layers.iter().position(|l| l.name == a.layer);
        let mut found: Vec<_> =
            self.annotations.iter().filter(|a| applies(&a.images, instance, frame)).collect();
        found.sort_by_key(|a| order(a));
        found
    }

    /// The displayed area of a frame of an image, `frame` counted from 0.
    pub fn area_of(&self, instance: &str, frame: u32) -> Option<&DisplayedArea> {
        self.areas.iter().find(|a| applies(&a.images, instance, frame))
    }
}

fn applies(images: &[InstanceRef], instance: &str, frame: u32) -> bool {
    let names =
        |i: &InstanceRef| i.instance == instance && (i.frames.is_empty() || i.frames.contains(&(frame + 1)));
    images.is_empty() || images.iter().any(names)
}

fn required<const N: usize>(data: &Dataset<'_>, tag: Tag) -> Result<[f64; N], Refusal> {
    data.vector::<N>(tag)?.ok_or_else(|| missing(tag))
}

fn rgb(data: &Dataset<'_>, tag: Tag) -> Result<Option<[u8; 3]>, Refusal> {
    Ok(data.vector::<3>(tag)?.map(|lab| rgb_from_lab(lab.map(|v| v as u16))))
}

fn layer(item: &Dataset<'_>) -> Result<GraphicLayer, Refusal> {
    Ok(GraphicLayer {
        name: item.text_or_empty(tags::GRAPHIC_LAYER),
        order: item.integer(tags::GRAPHIC_LAYER_ORDER)?.unwrap_or(0),
        description: item.text_or_empty(tags::GRAPHIC_LAYER_DESCRIPTION),
        rgb: rgb(item, tags::GRAPHIC_LAYER_RECOMMENDED_DISPLAY_CIE_LAB_VALUE)?,
    })
}

fn units(data: &Dataset<'_>, tag: Tag) -> Result<Units, Refusal> {
    match data.text(tag).as_deref() {
        Some("PIXEL") => Ok(Units::Pixel),
        Some("DISPLAY") => Ok(Units::Display),
        None => Err(missing(tag)),
        Some(other) => Err(unreadable(tag, &format!("is {other}; PIXEL and DISPLAY are known"))),
    }
}

fn annotation(item: &Dataset<'_>) -> Result<GraphicAnnotation, Refusal> {
    let graphics = item.items(tags::GRAPHIC_OBJECT_SEQUENCE);
    let texts = item.items(tags::TEXT_OBJECT_SEQUENCE);
    Ok(GraphicAnnotation {
        layer: item.text_or_empty(tags::GRAPHIC_LAYER),
        images: InstanceRef::read_all(item, tags::REFERENCED_IMAGE_SEQUENCE),
        graphics: graphics.iter().map(graphic).collect::<Result<_, _>>()?,
        texts: texts.iter().map(text).collect::<Result<_, _>>()?,
    })
}

fn graphic(item: &Dataset<'_>) -> Result<GraphicObject, Refusal> {
    let (kind, tag) = (tags::GRAPHIC_TYPE, tags::GRAPHIC_DATA);
    let term = item.text(kind).ok_or_else(|| missing(kind))?;
    let drawing = Drawing::ALL.into_iter().find(|d| d.term() == term);
    let drawing = drawing.ok_or_else(|| unreadable(kind, &format!("is {term}, which is no known form")))?;
    let numbers = item.numbers(tag)?.ok_or_else(|| missing(tag))?;
    let points: Vec<[f64; 2]> = numbers.chunks_exact(2).map(|c| [c[0], c[1]]).collect();
    if numbers.len() % 2 != 0 || !drawing.allows(points.len()) || numbers.iter().any(|n| !n.is_finite()) {
        return Err(unreadable(tag, &format!("has {} numbers, which make no {term}", numbers.len())));
    }
    let units = units(item, tags::GRAPHIC_ANNOTATION_UNITS)?;
    let filled = item.text(tags::GRAPHIC_FILLED).as_deref() == Some("Y");
    Ok(GraphicObject { drawing, units, points, filled })
}

fn text(item: &Dataset<'_>) -> Result<TextObject, Refusal> {
    let corner = |tag| item.vector::<2>(tag);
    let bounds = match corner(tags::BOUNDING_BOX_TOP_LEFT_HAND_CORNER)? {
        None => None,
        Some(top_left) => {
            let units = units(item, tags::BOUNDING_BOX_ANNOTATION_UNITS)?;
            Some((top_left, units, required(item, tags::BOUNDING_BOX_BOTTOM_RIGHT_HAND_CORNER)?))
        }
    };
    let anchor = match corner(tags::ANCHOR_POINT)? {
        None => None,
        Some(point) => {
            let visible = item.text(tags::ANCHOR_POINT_VISIBILITY).as_deref() == Some("Y");
            Some((point, units(item, tags::ANCHOR_POINT_ANNOTATION_UNITS)?, visible))
        }
    };
    Ok(TextObject { text: item.text_or_empty(tags::UNFORMATTED_TEXT_VALUE), bounds, anchor })
}

fn area(item: &Dataset<'_>) -> Result<DisplayedArea, Refusal> {
    let corner = |tag| required::<2>(item, tag).map(|v| v.map(|n| n as i64));
    let a = corner(tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER)?;
    let b = corner(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER)?;
    let tag = tags::PRESENTATION_SIZE_MODE;
    let size = match item.text(tag).as_deref() {
        Some("SCALE TO FIT") | None => AreaSize::ScaleToFit,
        Some("TRUE SIZE") => AreaSize::TrueSize,
        Some("MAGNIFY") => {
            let ratio = required::<1>(item, tags::PRESENTATION_PIXEL_MAGNIFICATION_RATIO)?[0];
            AreaSize::Magnify(ratio)
        }
        Some(other) => return Err(unreadable(tag, &format!("is {other}, which is not known"))),
    };
    Ok(DisplayedArea {
        images: InstanceRef::read_all(item, tags::REFERENCED_IMAGE_SEQUENCE),
        top_left: [a[0].min(b[0]), a[1].min(b[1])],
        bottom_right: [a[0].max(b[0]), a[1].max(b[1])],
        size,
        spacing_mm: item.vector::<2>(tags::PRESENTATION_PIXEL_SPACING)?,
    })
}
