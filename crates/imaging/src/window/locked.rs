//! A window behind the lock: no picture, no title of a study, no input but its size and place.

use super::{AfterFrame, StudyWindow};
use winit::event::WindowEvent;
use winit::event_loop::ActiveEventLoop;

/// What a window hears behind the lock.
pub(super) fn is_heard(event: &WindowEvent) -> bool {
    use WindowEvent as W;
    matches!(
        event,
        W::Resized(_) | W::Moved(_) | W::RedrawRequested | W::ScaleFactorChanged { .. } | W::Focused(_)
    )
}

impl StudyWindow {
    /// Hides the study, also in the title, or shows it again. A gesture that was begun is left.
    pub(crate) fn lock(&mut self, is_locked: bool) {
        self.is_locked = is_locked;
        self.buttons_down = 0;
        let events = &mut self.screen.input.egui_input_mut().events;
        events.clear();
        events.push(egui::Event::PointerGone);
        // The next frame that shows the study gives the title back.
        self.title.clear();
        self.window.set_title("MedSight");
        self.window.request_redraw();
    }

    /// Draws the face of the lock: none of the study's pictures is made or painted.
    pub(super) fn locked_frame(
        &mut self,
        event_loop: &ActiveEventLoop,
        raw: egui::RawInput,
        size: [u32; 2],
    ) -> Result<AfterFrame, String> {
        let context = self.screen.context.clone();
        let mut out = context.run_ui(raw, |ui| self.light_box.show_locked(ui));
        let shapes = context.tessellate(std::mem::take(&mut out.shapes), out.pixels_per_point);
        self.screen.input.handle_platform_output_with_event_loop(
            &self.window,
            event_loop,
            out.platform_output,
        );
        self.present(size, out.pixels_per_point, &shapes, &mut out.textures_delta)?;
        Ok(AfterFrame { effects: self.light_box.take_effects(), run: None, first_image_ms: None })
    }
}
