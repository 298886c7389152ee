//! The program's part in studies that grow, and in other studies of the patient beside them: manifests go to their windows, and what a
//! window shows is read anew from all that there is then.

use medsight_base::StudyUid;
use medsight_link::{Arrival, Beside, FromLightBox};
use medsight_record::Manifest;
use winit::window::WindowId;

use super::App;
use crate::load::{Loader, Stage};

impl App {
    /// More of a study that is read. One that was closed in the meantime the desk hears of.
    pub(super) fn grow(&mut self, manifest: &Manifest, arrival: Arrival) -> Result<(), String> {
        let known = self.windows.iter_mut().find(|(_, (window, _))| *window.study() == manifest.study.uid);
        let Some((id, (window, _))) = known else { return Ok(()) };
        let id = *id;
        window.put_manifest(manifest.clone(), arrival);
        self.read_anew(id)
    }

    /// Another study comes beside one that is read, or more of it has come, or why it does not.
    pub(super) fn put_beside(
        &mut self,
        study: &StudyUid,
        other: Result<Beside, String>,
    ) -> Result<(), String> {
        let known = self.windows.iter_mut().find(|(_, (window, _))| window.study() == study);
        let Some((id, (window, _))) = known else { return Ok(()) };
        let id = *id;
        match other {
            Err(why) => {
                window.light_box.prior_refused(why);
                window.window.request_redraw();
                Ok(())
            }
            Ok(other) => {
                window.light_box.put_beside(other.manifest.study.uid.clone(), other.annotations);
                window.put_manifest(*other.manifest, Arrival::Whole);
                self.read_anew(id)
            }
        }
    }

    /// A study is taken off that is beside one; the desk hears of it.
    pub(super) fn take_beside(&mut self, id: WindowId, study: &StudyUid, other: &StudyUid) {
        let Some((window, _)) = self.windows.get_mut(&id) else { return };
        if !window.take_manifest(other) {
            return;
        }
        if let Some(desk) = &self.desk {
            desk.say(FromLightBox::TakenOff { study: study.clone(), other: other.clone() });
        }
        let read = self.read_anew(id);
        self.report(read);
    }

    /// A study is gone: it is beside none any more.
    pub(super) fn take_beside_everywhere(&mut self, other: &StudyUid) {
        let holds = |(id, (window, _)): (&WindowId, &(crate::window::StudyWindow, u64))| {
            window.holds(other).then(|| (*id, window.study().clone()))
        };
        let windows: Vec<_> = self.windows.iter().filter_map(holds).collect();
        for (id, study) in windows {
            self.take_beside(id, &study, other);
        }
    }

    /// Reads the files of a window anew, unless those of before are still being sorted: then it is done after that. To begin anew each
    /// time would be never to end.
    pub(super) fn read_anew(&mut self, id: WindowId) -> Result<(), String> {
        let Some((window, _)) = self.windows.get_mut(&id) else { return Ok(()) };
        let Some(studies) = window.begin_anew() else { return Ok(()) };
        let is_arriving = window.is_arriving();
        let source = self.source(studies.instances())?;
        // News of the files as they were before come too late from here on.
        self.generation += 1;
        let loader =
            Loader::start(source, Some(studies), Stage { is_shown: true, is_arriving }, self.tell(id));
        if let Some((window, generation)) = self.windows.get_mut(&id) {
            *generation = self.generation;
            window.grow(loader);
        }
        Ok(())
    }
}
