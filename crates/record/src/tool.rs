//! The tools of the left mouse button on an image. What each does with the mouse is in `medsight-viewport`.

use serde::{Deserialize, Serialize};

/// What the left mouse button does on an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// Drag changes window width and centre.
    #[default]
    Window,
    /// Drag moves the image.
    Pan,
    /// Drag magnifies.
    Zoom,
    /// Drag moves through the stack.
    Scroll,
    /// A lens under the pointer.
    Magnifier,
    /// The value under the pointer.
    Probe,
    /// Moves the linked position.
    Crosshair,
    /// Distance.
    Length,
    /// Angle.
    Angle,
    /// Ellipse region of interest.
    Ellipse,
    /// Rectangle region of interest.
    Rectangle,
    /// A closed outline, drawn freely or corner by corner.
    Outline,
    /// Arrow.
    Arrow,
    /// Text.
    Text,
    /// Paints on a proposal.
    Brush,
    /// Takes off a proposal.
    Eraser,
    /// Outlines in three dimensions what is clicked on.
    Pick,
    /// Points along a vessel, for its centre line.
    Vessel,
}

impl Tool {
    /// All tools in the order of the tool strip.
    pub const ALL: [Tool; 18] = [
        Tool::Window,
        Tool::Pan,
        Tool::Zoom,
        Tool::Scroll,
        Tool::Magnifier,
        Tool::Probe,
        Tool::Crosshair,
        Tool::Length,
        Tool::Angle,
        Tool::Ellipse,
        Tool::Rectangle,
        Tool::Outline,
        Tool::Arrow,
        Tool::Text,
        Tool::Brush,
        Tool::Eraser,
        Tool::Pick,
        Tool::Vessel,
    ];

    /// Id of the command that selects it, also the key of its label.
    pub fn id(self) -> &'static str {
        match self {
            Tool::Window => "tool.window",
            Tool::Pan => "tool.pan",
            Tool::Zoom => "tool.zoom",
            Tool::Scroll => "tool.scroll",
            Tool::Magnifier => "tool.magnifier",
            Tool::Probe => "tool.probe",
            Tool::Crosshair => "tool.crosshair",
            Tool::Length => "tool.length",
            Tool::Angle => "tool.angle",
            Tool::Ellipse => "tool.ellipse",
            Tool::Rectangle => "tool.rectangle",
            Tool::Outline => "tool.outline",
            Tool::Arrow => "tool.arrow",
            Tool::Text => "tool.text",
            Tool::Brush => "tool.brush",
            Tool::Eraser => "tool.eraser",
            Tool::Pick => "tool.pick",
            Tool::Vessel => "tool.vessel",
        }
    }
}
