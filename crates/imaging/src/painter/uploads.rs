//! What pictures are made of, on the device: frames, volumes and labels are brought there once, and leave when no picture needs them.

use std::sync::Arc;

use medsight_image::{Frame, Solids, Volume};
use medsight_render::{FrameTexture, SolidsTexture, VolumeTexture};
use medsight_viewport::{FreshSolids, LightBox, VolumePicture};

use super::{FRAME_BYTES, Painter, SolidsOnDevice};

impl Painter {
    pub(super) fn frame(&mut self, frame: &Arc<Frame>) -> Result<Arc<FrameTexture>, String> {
        if let Some(at) = self.frames.iter().position(|(f, _)| Arc::ptr_eq(f, frame)) {
            let entry = self.frames.remove(at);
            let texture = entry.1.clone();
            self.frames.push(entry);
            return Ok(texture);
        }
        let texture = Arc::new(self.renderer.upload_frame(frame).map_err(|e| e.to_string())?);
        self.frames.push((frame.clone(), texture.clone()));
        while self.frames.len() > 1 && self.frames.iter().map(|(_, t)| t.bytes()).sum::<u64>() > FRAME_BYTES {
            self.frames.remove(0);
        }
        Ok(texture)
    }

    pub(super) fn volume(&mut self, volume: &Arc<Volume>) -> Result<Arc<VolumeTexture>, String> {
        if let Some((_, known)) = self.volumes.iter().find(|(v, _)| Arc::ptr_eq(v, volume)) {
            return known.clone();
        }
        let made = self.renderer.upload_volume(volume).map(Arc::new).map_err(|e| e.to_string());
        self.volumes.push((volume.clone(), made.clone()));
        made
    }

    pub(super) fn solids(&mut self, solids: &Arc<Solids>) -> Result<Arc<SolidsTexture>, String> {
        if let Some((_, known)) = self.solids.iter().find(|(s, _)| Arc::ptr_eq(s, solids)) {
            return known.clone();
        }
        let made = self.renderer.upload_solids(solids).map(Arc::new).map_err(|e| e.to_string());
        self.solids.push((solids.clone(), made.clone()));
        made
    }

    /// What a model left in device memory as solids; `None` when it is gone already.
    pub(super) fn fresh_solids(
        &mut self,
        view: &VolumePicture,
        fresh: &FreshSolids,
    ) -> Result<Option<Arc<SolidsTexture>>, String> {
        let Some(labels) = self.fresh.clone() else { return Ok(None) };
        let is_known = |(volume, known, _): &&(Arc<Volume>, FreshSolids, SolidsOnDevice)| {
            Arc::ptr_eq(volume, &view.volume) && known.is_same(fresh)
        };
        if let Some((_, _, known)) = self.fresh_solids.iter().find(is_known) {
            return known.clone().map(Some);
        }
        let volume = self.volume(&view.volume)?;
        let beneath = fresh.beneath.as_ref().map(|solids| self.solids(solids)).transpose()?;
        let made = {
            let _submitting = self.gpu.submitting();
            self.renderer.solids_of_labels(&volume, &labels, &fresh.labels, beneath.as_deref())
        };
        let made = made.map(Arc::new).map_err(|e| e.to_string());
        self.fresh_solids.push((view.volume.clone(), fresh.clone(), made.clone()));
        made.map(Some)
    }

    /// Lets go of frames and volumes that the light box let go of.
    pub(super) fn forget_unused(&mut self, light_box: &LightBox) {
        self.volumes.retain(|(v, _)| {
            light_box.series.iter().any(|s| s.volume().is_some_and(|own| Arc::ptr_eq(own, v)))
        });
        if !light_box.has_fresh_labels() {
            self.fresh = None;
            self.fresh_solids.clear();
        }
        self.solids.retain(|(s, _)| light_box.solids.values().any(|own| Arc::ptr_eq(&own.solids, s)));
        // One reference is this cache's own.
        self.frames.retain(|(f, _)| Arc::strong_count(f) > 1);
    }
}
