//! What a window shows, as lines of JSON, for tests: the file named by `MEDSIGHT_STATE_FILE`.
//!
//! Layout, views, windows, counts and times only; no patient data.

use std::fs::File;
use std::io::Write;

use medsight_record::{Proposal, ViewKind};
use medsight_viewport::{LayerSet, LightBox, Picture, Popup, VolumeState};
use serde_json::{Value, json};

/// Appends a line whenever something changed.
pub(crate) struct StateFile {
    file: Option<File>,
    last: Value,
}

/// Figures of a window that are not in its model.
pub(crate) struct Figures<'a> {
    pub(crate) adapter: &'a str,
    pub(crate) first_image_ms: Option<f64>,
    pub(crate) frames: u64,
    pub(crate) pictures: u64,
    pub(crate) size_px: [u32; 2],
    pub(crate) pixels_per_point: f32,
}

impl StateFile {
    /// The file of the environment; nothing is written without it.
    pub(crate) fn from_env() -> Self {
        let path = std::env::var_os("MEDSIGHT_STATE_FILE");
        let open = |path| std::fs::OpenOptions::new().create(true).append(true).open(path).ok();
        Self { file: path.and_then(open), last: Value::Null }
    }

    /// Writes the state when it differs from the last one in more than its counters.
    pub(crate) fn write(&mut self, light_box: &LightBox, figures: &Figures<'_>) {
        let Some(file) = &mut self.file else { return };
        let mut state = describe(light_box, figures);
        if state == self.last {
            return;
        }
        self.last = state.clone();
        state["frames_drawn"] = figures.frames.into();
        state["pictures_drawn"] = figures.pictures.into();
        // A test that can't read its file fails by itself.
        let _ = writeln!(file, "{state}");
    }

    /// The counters alone, on demand.
    pub(crate) fn write_line(&mut self, line: &Value) {
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{line}");
        }
    }
}

fn describe(light_box: &LightBox, figures: &Figures<'_>) -> Value {
    let scale = figures.pixels_per_point;
    let cells: Vec<Value> =
        light_box.visible_cells().into_iter().map(|i| cell(light_box, i, scale)).collect();
    let series: Vec<Value> = light_box
        .series
        .iter()
        .map(|s| {
            let volume = match &s.volume {
                VolumeState::Unknown => "unknown",
                VolumeState::Building(_) => "building",
                VolumeState::Ready(_) => "ready",
                VolumeState::Refused(_) => "refused",
            };
            json!({"modality": s.modality, "slices": s.slices.len(), "volume": volume, "warnings": s.warnings.len()})
        })
        .collect();
    let popup = match &light_box.popup {
        Popup::None => "none",
        Popup::Palette { .. } => "palette",
        Popup::Help => "help",
        Popup::Warning { .. } => "warning",
        Popup::Models { .. } => "models",
        Popup::Priors { .. } => "priors",
        Popup::Reject { .. } => "reject",
        Popup::Write { .. } => "write",
        Popup::Segment { .. } => "segment",
        Popup::Text { .. } => "text",
        Popup::TrueLength { .. } => "true_length",
    };
    json!({
        "event": "state",
        "layout": [light_box.layout.columns, light_box.layout.rows],
        "maximised": light_box.maximised,
        "cells": cells,
        "series": series,
        "active": light_box.active,
        "tool": light_box.tool,
        "panel": light_box.panel,
        "popup": popup,
        "overlays": format!("{:?}", light_box.overlays).to_lowercase(),
        "annotations": light_box.annotations.present().len(),
        "saved": light_box.saved_count(),
        "selected": light_box.is_something_selected(),
        "measured": light_box.annotations.present().values().map(|a| &a.measured).collect::<Vec<_>>(),
        "written": light_box.written.iter().map(|w| json!([w.kind, w.number])).collect::<Vec<_>>(),
        "reported": light_box.reported.len(),
        "looks": light_box.looks.len(),
        "layers": light_box.layers.iter().map(|set| set.layers.len()).collect::<Vec<_>>(),
        "vessel": vessel(light_box),
        "linked": light_box.is_linked,
        "others": light_box.other_studies().map(<[_]>::len),
        "beside": light_box.studies_beside().len(),
        "aligned": light_box.alignment().map(|alignment| alignment.is_on),
        "job": light_box.job.map(|job| format!("{:?}", job.kind).to_lowercase()),
        "notice": light_box.notice.is_some(),
        "models": light_box.models.len(),
        "model_run": light_box.model_run.as_ref().map(|run| (run.part * 100.0).round()),
        "proposals": light_box.proposals.iter().map(proposal).collect::<Vec<_>>(),
        "open_proposals": light_box.layers.iter().filter_map(open_proposal).collect::<Vec<_>>(),
        "locale": light_box.words.locale(),
        "first_image_ms": figures.first_image_ms,
        "adapter": figures.adapter,
        "window_px": figures.size_px,
    })
}

/// Points of the vessel that is traced, the length of its line, and where along it the reader looks.
fn vessel(light_box: &LightBox) -> Option<Value> {
    let vessel = light_box.vessel()?;
    let line_mm = vessel.line.as_ref().map(|line| line.length_mm());
    Some(json!({"points": vessel.clicks_mm.len(), "line_mm": line_mm, "at_mm": light_box.curved_at_mm()}))
}

/// What made it, and what became of it.
fn proposal(proposal: &Proposal) -> Value {
    let decided = proposal.decided.as_ref().map(|decided| decided.decision.word());
    json!({"by": proposal.maker.text(), "decided": decided})
}

/// Millilitres of the parts of a proposal that waits, and whether it is stored.
fn open_proposal(set: &LayerSet) -> Option<Value> {
    set.proposed.as_ref().filter(|proposed| proposed.decided.is_none())?;
    let ml: Vec<Option<f64>> = set.layers.iter().map(|layer| layer.volume_ml).collect();
    Some(json!({"stored": set.series.is_some(), "ml": ml}))
}

fn cell(light_box: &LightBox, index: usize, scale: f32) -> Value {
    let cell = &light_box.cells[index];
    let has_picture = light_box.picture(index, [16, 16], 1.0) != Picture::None;
    let rect = [cell.rect.min.x, cell.rect.min.y, cell.rect.width(), cell.rect.height()]
        .map(|v| (v * scale).round());
    let window =
        light_box.window(index).filter(|_| cell.view != ViewKind::Volume3d).map(|w| [w.center(), w.width()]);
    let mpr = light_box.planes(index);
    let camera = cell.view_3d.camera.map(|c| [c.right.to_array(), c.down.to_array()]);
    json!({
        "series": cell.series,
        "view": cell.view,
        "position": light_box.position(index).map(|(at, count)| [at, count]),
        "window": window,
        "zoom": cell.zoom,
        "pan": cell.pan.to_array(),
        "inverted": cell.invert,
        "cine": cell.cine.is_some(),
        "picture": has_picture,
        "rect_px": rect,
        "slab_mm": mpr.filter(|_| cell.plane().is_some()).map(|m| m.slab_mm),
        "crosshair_mm": mpr.filter(|_| cell.plane().is_some()).map(|m| m.center_mm.to_array()),
        "preset": light_box.volume_preset(index).filter(|_| cell.view == ViewKind::Volume3d).map(|p| &p.name),
        "camera": camera,
    })
}
