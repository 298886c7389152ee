//! What a reader drew, for systems that show no measurement reports: drawings of a presentation state, and marked
//! images as a key object selection.

use super::annotations::{Lookup, outline};
use super::code::Code;
use super::gsps::{Drawing, GraphicAnnotation, GraphicLayer, GraphicObject, TextObject, Units};
use super::kos::KeyObjects;
use super::reference::Evidence;
use super::sr::Graphic;
use glam::DVec3;
use medsight_record::{Annotation, AnnotationId, AnnotationKind, Place, Refusal};

/// The layer of all drawings of a reader.
pub const READING_LAYER: &str = "READING";

/// Drawings on their way into a state.
#[derive(Clone, Debug)]
pub struct Drawings {
    /// The layer.
    pub layer: GraphicLayer,
    /// One for each annotation on a stored image.
    pub annotations: Vec<GraphicAnnotation>,
    /// The images, each once.
    pub images: Vec<Evidence>,
    /// What lies on no stored image, or is a mark without a drawing.
    pub left_out: Vec<AnnotationId>,
}

/// Drawings of annotations on stored images. `caption` is what stands beside one, such as `12.3 mm`; it may be
/// empty.
///
/// # Errors
/// `unknown_image` when an image is not found, `incomplete_annotation` when points are missing.
pub fn drawings_of<'a>(
    annotations: impl IntoIterator<Item = &'a Annotation>,
    caption: &dyn Fn(&Annotation) -> String,
    lookup: &Lookup<'_>,
) -> Result<Drawings, Refusal> {
    let layer = GraphicLayer { name: READING_LAYER.into(), order: 1, description: String::new(), rgb: None };
    let mut drawings = Drawings { layer, annotations: Vec::new(), images: Vec::new(), left_out: Vec::new() };
    for annotation in annotations {
        let Place::Image { points_px, .. } = &annotation.place else {
            drawings.left_out.push(annotation.id);
            continue;
        };
        if points_px.is_empty() {
            drawings.left_out.push(annotation.id);
            continue;
        }
        let (evidence, image) = super::annotations::image_of(annotation, lookup)?;
        // Ours count from the centre of the first pixel, DICOM from its corner.
        let points: Vec<DVec3> = points_px.iter().map(|[x, y]| DVec3::new(x + 0.5, y + 0.5, 0.0)).collect();
        let (graphic, points) = outline(&annotation.kind, &points, [DVec3::X, DVec3::Y]);
        let points: Vec<[f64; 2]> = points.iter().map(|p| [p.x, p.y]).collect();
        let written = match &annotation.kind {
            AnnotationKind::Text { text } => text.clone(),
            _ => caption(annotation),
        };
        let anchor = points[0]; // there is at least one
        let drawing = match graphic {
            Graphic::Ellipse => Some(Drawing::Ellipse),
            Graphic::Polyline => Some(Drawing::Polyline),
            _ => None, // a point with a text is its text
        };
        let graphics =
            drawing.map(|drawing| GraphicObject { drawing, units: Units::Pixel, points, filled: false });
        let text = TextObject {
            text: written,
            bounds: None,
            anchor: Some((anchor, Units::Pixel, graphics.is_none())),
        };
        drawings.annotations.push(GraphicAnnotation {
            layer: READING_LAYER.into(),
            images: vec![image],
            graphics: graphics.into_iter().collect(),
            texts: Some(text).filter(|t| !t.text.is_empty()).into_iter().collect(),
        });
        if !drawings.images.contains(&evidence) {
            drawings.images.push(evidence);
        }
    }
    Ok(drawings)
}

/// The marked images among annotations; `None` when none is marked.
///
/// # Errors
/// `unknown_image` when an image is not found.
pub fn key_objects_of<'a>(
    annotations: impl IntoIterator<Item = &'a Annotation>,
    title: Code,
    observer: &str,
    lookup: &Lookup<'_>,
) -> Result<Option<KeyObjects>, Refusal> {
    let (mut instances, mut evidence) = (Vec::new(), Vec::new());
    for annotation in annotations.into_iter().filter(|a| a.kind == AnnotationKind::KeyImage) {
        if matches!(annotation.place, Place::Image { .. }) {
            let (of, image) = super::annotations::image_of(annotation, lookup)?;
            instances.push(image);
            evidence.push(of);
        }
    }
    Ok((!instances.is_empty()).then(|| KeyObjects {
        title,
        modifier: None,
        description: String::new(),
        observer: observer.to_owned(),
        instances,
        evidence,
    }))
}
