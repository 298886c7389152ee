//! The one list of what a person can do, and so one thing. Palette, menus, hotkeys, tools and web view all send it.
//!
//! Labels are word keys of `assets/locales`; shortcuts are in `assets/hotkeys.toml` under the same id.
//! The matches here are exhaustive, so a new command can't forget its label or its undo.

use crate::report::rules::SignAct;
use crate::report::{CriticalResult, ReportId, ReportToSave};
use crate::settings::SettingChange;
use crate::tool::Tool;
use crate::work::Priority;
use crate::{Annotation, AnnotationId, ReadState, ReadingSession};
use medsight_base::StudyUid;
use serde::{Deserialize, Serialize};

/// What undo does with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoPolicy {
    /// One step of the history.
    Step,
    /// Look and navigation: nothing to take back.
    View,
    /// Can't be taken back; asked for by name before.
    Never,
}

/// Commands of the light box that change what is seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", content = "with", rename_all = "snake_case")]
pub enum ViewCommand {
    /// Choose the tool of the left mouse button.
    SelectTool(Tool),
    /// Window preset 1 to 9 of the modality.
    WindowPreset(u8),
    /// The window the file carries.
    WindowAsStored,
    /// Black becomes white.
    Invert,
    /// Mirror left and right.
    FlipHorizontal,
    /// Quarter turn clockwise.
    RotateClockwise,
    /// The whole image.
    Fit,
    /// One image pixel on one screen pixel.
    ActualPixels,
    /// One centimetre of the patient on one centimetre of the screen.
    TrueSize,
    /// One of the nine layouts of [`crate::Layout::ALL`], from 0.
    Layout(u8),
    /// The active cell fills the window, and back.
    Maximise,
    /// Three linked planes, and back to the stack.
    ToggleMpr,
    /// Ray-cast volume, and back to the stack.
    ToggleVolume3d,
    /// Next transfer function of the ray-cast volume.
    NextVolumePreset,
    /// Show or hide the crop box.
    ToggleCrop,
    /// Thicker slab.
    SlabThicker,
    /// Thinner slab.
    SlabThinner,
    /// Next of MIP, MinIP, mean.
    NextProjection,
    /// Show or hide crosshair.
    ToggleCrosshair,
    /// Play or stop.
    ToggleCine,
    /// Faster by a quarter.
    CineFaster,
    /// Slower by a quarter.
    CineSlower,
    /// All, minimal, no overlays; identity stays.
    CycleOverlays,
    /// Show or hide segmentations and structure sets.
    ToggleLayers,
    /// Show or hide the overlay planes of the images.
    ToggleOverlayPlanes,
    /// Side panel.
    TogglePanel,
    /// Next series in the active cell.
    NextSeries,
    /// Previous series in the active cell.
    PreviousSeries,
    /// The next time point of a volume that has several.
    NextTime,
    /// The previous time point.
    PreviousTime,
    /// Through the stack by so many slices.
    ScrollBy(i32),
    /// Mark or unmark the image.
    ToggleKeyImage,
    /// The true length of the chosen line: it scales its image.
    Calibrate,
    /// Choose what is to become a DICOM object.
    Write,
    /// The measurements as a DICOM measurement report.
    WriteReport,
    /// The key images as a DICOM key object selection.
    WriteKeyImages,
    /// The view of the active cell as a DICOM presentation state.
    WriteLook,
    /// The regions on the series of the active cell as a DICOM segmentation: asks what they are.
    WriteSegment,
    /// Choose a model to run on the series of the active cell.
    RunModel,
    /// The model that runs is to stop, or else the centre line or the registration that is being computed.
    StopModel,
    /// Find the centre line through the points of the vessel.
    TraceVessel,
    /// The curved view along the centre line; where it is shown, its other kind.
    NextCurved,
    /// Cells that show the same part of the patient are scrolled together, or not.
    ToggleLink,
    /// Choose another study of the patient to be put beside this one.
    ChoosePrior,
    /// Register the other study that is shown to the one of the active cell; go through that, or not.
    AlignPrior,
    /// Keep what a program proposed, as it is now.
    AcceptProposal,
    /// Do not keep what a program proposed: asks why.
    RejectProposal,
    /// A larger brush.
    BrushLarger,
    /// A smaller brush.
    BrushSmaller,
    /// The brush is a ball, or flat.
    ToggleBall,
    /// Delete the selected annotation.
    DeleteSelected,
    /// Take the last step back.
    Undo,
    /// Do it again.
    Redo,
    /// Leave what was begun.
    Cancel,
    /// Command palette.
    Palette,
    /// Sheet of keys.
    Help,
    /// Hide everything, here and on the desk, until the person is back.
    Lock,
}

impl ViewCommand {
    /// Every command that stands in the palette, the help sheet and the hotkeys file.
    pub fn all() -> Vec<ViewCommand> {
        use ViewCommand as C;
        let mut all: Vec<C> = Tool::ALL.iter().map(|tool| C::SelectTool(*tool)).collect();
        all.push(C::WindowAsStored);
        all.extend((1..=9).map(C::WindowPreset));
        all.extend([C::Invert, C::FlipHorizontal, C::RotateClockwise, C::Fit, C::ActualPixels, C::TrueSize]);
        all.extend((0..9).map(C::Layout));
        all.extend([C::Maximise, C::ToggleMpr, C::ToggleVolume3d, C::NextVolumePreset, C::ToggleCrop]);
        all.extend([C::SlabThicker, C::SlabThinner, C::NextProjection, C::ToggleCrosshair]);
        all.extend([C::ChoosePrior, C::ToggleLink, C::AlignPrior, C::NextCurved, C::TraceVessel]);
        all.extend([
            C::ToggleCine,
            C::CineFaster,
            C::CineSlower,
            C::CycleOverlays,
            C::ToggleLayers,
            C::ToggleOverlayPlanes,
            C::TogglePanel,
        ]);
        all.extend([C::NextSeries, C::PreviousSeries, C::NextTime, C::PreviousTime]);
        all.extend([C::ScrollBy(1), C::ScrollBy(-1), C::ScrollBy(10), C::ScrollBy(-10)]);
        all.extend([
            C::ToggleKeyImage,
            C::Calibrate,
            C::DeleteSelected,
            C::Undo,
            C::Redo,
            C::Cancel,
            C::Palette,
            C::Help,
            C::Lock,
        ]);
        all.extend([C::Write, C::WriteReport, C::WriteKeyImages, C::WriteLook, C::WriteSegment]);
        all.extend([C::RunModel, C::StopModel, C::AcceptProposal, C::RejectProposal]);
        all.extend([C::BrushLarger, C::BrushSmaller, C::ToggleBall]);
        all
    }

    /// Stable id: key of the label and of the shortcut.
    pub fn id(self) -> String {
        match self {
            Self::SelectTool(tool) => tool.id().to_owned(),
            Self::WindowPreset(n) => format!("window.preset_{n}"),
            Self::WindowAsStored => "window.as_stored".into(),
            Self::Invert => "view.invert".into(),
            Self::FlipHorizontal => "view.flip_horizontal".into(),
            Self::RotateClockwise => "view.rotate".into(),
            Self::Fit => "view.fit".into(),
            Self::ActualPixels => "view.actual_pixels".into(),
            Self::TrueSize => "view.true_size".into(),
            Self::Layout(n) => format!("layout.{}", n + 1),
            Self::Maximise => "layout.maximise".into(),
            Self::ToggleMpr => "view.mpr".into(),
            Self::ToggleVolume3d => "view.volume_3d".into(),
            Self::NextVolumePreset => "volume.next_preset".into(),
            Self::ToggleCrop => "volume.crop".into(),
            Self::SlabThicker => "slab.thicker".into(),
            Self::SlabThinner => "slab.thinner".into(),
            Self::NextProjection => "slab.projection".into(),
            Self::ToggleCrosshair => "view.crosshair".into(),
            Self::ToggleCine => "cine.toggle".into(),
            Self::CineFaster => "cine.faster".into(),
            Self::CineSlower => "cine.slower".into(),
            Self::CycleOverlays => "view.overlays".into(),
            Self::ToggleLayers => "view.layers".into(),
            Self::ToggleOverlayPlanes => "view.overlay_planes".into(),
            Self::TogglePanel => "view.panel".into(),
            Self::NextSeries => "series.next".into(),
            Self::PreviousSeries => "series.previous".into(),
            Self::NextTime => "time.next".into(),
            Self::PreviousTime => "time.previous".into(),
            Self::ScrollBy(1) => "slice.next".into(),
            Self::ScrollBy(-1) => "slice.previous".into(),
            Self::ScrollBy(n) if n > 0 => "slice.page_next".into(),
            Self::ScrollBy(_) => "slice.page_previous".into(),
            Self::ToggleKeyImage => "tool.key_image".into(),
            Self::Calibrate => "tool.calibrate".into(),
            Self::RunModel => "model.run".into(),
            Self::StopModel => "model.stop".into(),
            Self::TraceVessel => "vessel.trace".into(),
            Self::NextCurved => "vessel.curved".into(),
            Self::ChoosePrior => "view.prior".into(),
            Self::ToggleLink => "view.link".into(),
            Self::AlignPrior => "view.align".into(),
            Self::AcceptProposal => "proposal.accept".into(),
            Self::RejectProposal => "proposal.reject".into(),
            Self::BrushLarger => "brush.larger".into(),
            Self::BrushSmaller => "brush.smaller".into(),
            Self::ToggleBall => "brush.ball".into(),
            Self::Write => "write.choose".into(),
            Self::WriteReport => "write.report".into(),
            Self::WriteKeyImages => "write.key_images".into(),
            Self::WriteLook => "write.look".into(),
            Self::WriteSegment => "write.segment".into(),
            Self::DeleteSelected => "edit.delete".into(),
            Self::Undo => "edit.undo".into(),
            Self::Redo => "edit.redo".into(),
            Self::Cancel => "edit.cancel".into(),
            Self::Palette => "app.palette".into(),
            Self::Help => "app.help".into(),
            Self::Lock => "app.lock".into(),
        }
    }
}

/// Commands that change the record. Durable before they are called saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", content = "with", rename_all = "snake_case")]
pub enum RecordCommand {
    /// Keep an annotation, new or changed.
    SaveAnnotation(Box<Annotation>),
    /// Take an annotation away.
    RemoveAnnotation {
        /// Its study.
        study: StudyUid,
        /// Its name.
        id: AnnotationId,
    },
    /// Remember how a study is laid out.
    SaveSession(Box<ReadingSession>),
    /// How far the reading has come.
    SetReadState {
        /// The study.
        study: StudyUid,
        /// The new state.
        state: ReadState,
    },
    /// How urgent the reading is.
    SetPriority {
        /// The study.
        study: StudyUid,
        /// The new priority; `None`: as its order says.
        priority: Option<Priority>,
    },
    /// Who is to read it; nobody in particular without an account.
    Assign {
        /// The study.
        study: StudyUid,
        /// The account.
        to: Option<String>,
    },
    /// "I am reading this."
    Claim {
        /// The study.
        study: StudyUid,
        /// Takes it over from somebody who is reading it.
        over: bool,
    },
    /// "I am not reading this any more."
    Release(StudyUid),
    /// Keep what is being written of a report.
    SaveReport(Box<ReportToSave>),
    /// Throw away what was written since the last version.
    DiscardReport(ReportId),
    /// Sign a report: its words are fixed, and go to other systems.
    SignReport {
        /// The report.
        report: ReportId,
        /// As what.
        act: SignAct,
        /// The version that is signed upon; 0 for none.
        base_version: u32,
    },
    /// A critical result was passed on.
    TellCritical {
        /// The report it stands in.
        report: ReportId,
        /// What, to whom, when.
        result: Box<CriticalResult>,
    },
    /// Delete studies from this computer.
    DeleteStudies(Vec<StudyUid>),
}

/// Commands of the desk's own windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", content = "with", rename_all = "snake_case")]
pub enum DeskCommand {
    /// Open a study on the light box.
    OpenStudy(StudyUid),
    /// Show the report of a study.
    Report(StudyUid),
    /// Take files in.
    Import,
    /// Stop the import that runs.
    CancelImport,
    /// Look for studies on a server and bring them here.
    FindOnServer,
    /// Put the cursor into the search.
    Search,
    /// Show the worklist.
    Worklist,
    /// Show what waits to be sent.
    Sync,
    /// Show the audit trail.
    Audit,
    /// Show the settings.
    Settings,
    /// Change one setting.
    ChangeSetting(SettingChange),
    /// Light or dark.
    ToggleTheme,
    /// Take the last step back.
    Undo,
    /// Do it again.
    Redo,
    /// Command palette.
    Palette,
    /// Sheet of keys.
    Help,
    /// Hide everything until the person is back.
    Lock,
    /// End the session.
    SignOut,
    /// See studies in an emergency, for a reason in a person's words.
    BreakGlass(String),
}

/// Anything a person can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "group", content = "command", rename_all = "snake_case")]
pub enum Command {
    /// On the light box, look only.
    View(ViewCommand),
    /// On the record.
    Record(RecordCommand),
    /// On the desk.
    Desk(DeskCommand),
}

impl Command {
    /// Ids of everything that the desk's palette, keys and buttons can do by name, in the palette's order. What such a
    /// command is about, the study that is selected or the value that was chosen, is added by who sends it.
    pub const OF_THE_DESK: [&'static str; 23] = [
        "desk.open_study",
        "desk.report",
        "record.set_read_state",
        "record.set_priority",
        "record.claim",
        "record.release",
        "record.delete_studies",
        "desk.import",
        "desk.find_on_server",
        "desk.cancel_import",
        "desk.search",
        "desk.worklist",
        "desk.sync",
        "desk.audit",
        "desk.settings",
        "desk.toggle_theme",
        "edit.undo",
        "edit.redo",
        "app.palette",
        "app.help",
        "desk.lock",
        "desk.sign_out",
        "desk.break_glass",
    ];

    /// Stable id: key of the label in the locales and of the shortcut in the hotkeys file.
    pub fn id(&self) -> String {
        match self {
            Self::View(view) => view.id(),
            Self::Record(record) => match record {
                RecordCommand::SaveAnnotation(_) => "record.save_annotation".into(),
                RecordCommand::RemoveAnnotation { .. } => "record.remove_annotation".into(),
                RecordCommand::SaveSession(_) => "record.save_session".into(),
                RecordCommand::SetReadState { .. } => "record.set_read_state".into(),
                RecordCommand::SetPriority { .. } => "record.set_priority".into(),
                RecordCommand::Assign { .. } => "record.assign".into(),
                RecordCommand::Claim { .. } => "record.claim".into(),
                RecordCommand::Release(_) => "record.release".into(),
                RecordCommand::SaveReport(_) => "record.save_report".into(),
                RecordCommand::DiscardReport(_) => "record.discard_report".into(),
                RecordCommand::SignReport { .. } => "record.sign_report".into(),
                RecordCommand::TellCritical { .. } => "record.tell_critical".into(),
                RecordCommand::DeleteStudies(_) => "record.delete_studies".into(),
            },
            Self::Desk(desk) => match desk {
                DeskCommand::OpenStudy(_) => "desk.open_study".into(),
                DeskCommand::Report(_) => "desk.report".into(),
                DeskCommand::Import => "desk.import".into(),
                DeskCommand::CancelImport => "desk.cancel_import".into(),
                DeskCommand::FindOnServer => "desk.find_on_server".into(),
                DeskCommand::Search => "desk.search".into(),
                DeskCommand::Worklist => "desk.worklist".into(),
                DeskCommand::Sync => "desk.sync".into(),
                DeskCommand::Audit => "desk.audit".into(),
                DeskCommand::Settings => "desk.settings".into(),
                DeskCommand::ChangeSetting(_) => "desk.change_setting".into(),
                DeskCommand::ToggleTheme => "desk.toggle_theme".into(),
                DeskCommand::Undo => "edit.undo".into(),
                DeskCommand::Redo => "edit.redo".into(),
                DeskCommand::Palette => "app.palette".into(),
                DeskCommand::Help => "app.help".into(),
                DeskCommand::Lock => "desk.lock".into(),
                DeskCommand::SignOut => "desk.sign_out".into(),
                DeskCommand::BreakGlass(_) => "desk.break_glass".into(),
            },
        }
    }

    /// What undo does with it.
    pub fn undo_policy(&self) -> UndoPolicy {
        match self {
            Self::View(_) => UndoPolicy::View,
            Self::Desk(desk) => match desk {
                DeskCommand::ChangeSetting(_) | DeskCommand::ToggleTheme => UndoPolicy::Step,
                DeskCommand::OpenStudy(_)
                | DeskCommand::Report(_)
                | DeskCommand::Import
                | DeskCommand::CancelImport
                | DeskCommand::FindOnServer
                | DeskCommand::Search
                | DeskCommand::Worklist
                | DeskCommand::Sync
                | DeskCommand::Audit
                | DeskCommand::Settings
                | DeskCommand::Undo
                | DeskCommand::Redo
                | DeskCommand::Palette
                | DeskCommand::Help
                | DeskCommand::Lock
                | DeskCommand::SignOut
                | DeskCommand::BreakGlass(_) => UndoPolicy::View,
            },
            Self::Record(record) => match record {
                RecordCommand::SaveAnnotation(_) | RecordCommand::RemoveAnnotation { .. } => UndoPolicy::Step,
                // A text has its own history while it is written.
                RecordCommand::SaveSession(_) | RecordCommand::SaveReport(_) => UndoPolicy::View,
                RecordCommand::DiscardReport(_)
                | RecordCommand::SignReport { .. }
                | RecordCommand::TellCritical { .. } => UndoPolicy::Never,
                RecordCommand::SetReadState { .. }
                | RecordCommand::SetPriority { .. }
                | RecordCommand::Assign { .. }
                | RecordCommand::Claim { .. }
                | RecordCommand::Release(_) => UndoPolicy::Step,
                RecordCommand::DeleteStudies(_) => UndoPolicy::Never,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_the_desk_can_do_is_in_its_list() {
        let study = StudyUid::parse("2.25.1").unwrap();
        let desk = [
            DeskCommand::OpenStudy(study.clone()),
            DeskCommand::Report(study.clone()),
            DeskCommand::Import,
            DeskCommand::CancelImport,
            DeskCommand::FindOnServer,
            DeskCommand::Search,
            DeskCommand::Worklist,
            DeskCommand::Sync,
            DeskCommand::Audit,
            DeskCommand::Settings,
            DeskCommand::ToggleTheme,
            DeskCommand::Undo,
            DeskCommand::Redo,
            DeskCommand::Palette,
            DeskCommand::Help,
            DeskCommand::Lock,
            DeskCommand::SignOut,
            DeskCommand::BreakGlass(String::new()),
        ];
        let mut ids: Vec<String> = desk.into_iter().map(|command| Command::Desk(command).id()).collect();
        let state = RecordCommand::SetReadState { study: study.clone(), state: ReadState::Final };
        let priority = RecordCommand::SetPriority { study: study.clone(), priority: Some(Priority::Stat) };
        let claim = RecordCommand::Claim { study: study.clone(), over: false };
        let release = RecordCommand::Release(study.clone());
        for command in [state, priority, claim, release, RecordCommand::DeleteStudies(vec![study])] {
            ids.push(Command::Record(command).id());
        }
        ids.sort();
        let mut listed = Command::OF_THE_DESK.map(str::to_owned);
        listed.sort();
        assert_eq!(ids, listed);
    }

    #[test]
    fn what_is_deleted_is_never_a_step_and_what_is_set_is_one() {
        let study = StudyUid::parse("2.25.1").unwrap();
        let policy = |command| Command::Record(command).undo_policy();
        assert_eq!(policy(RecordCommand::DeleteStudies(vec![study.clone()])), UndoPolicy::Never);
        assert_eq!(policy(RecordCommand::SetReadState { study, state: ReadState::Final }), UndoPolicy::Step);
    }

    #[test]
    fn every_command_of_the_palette_has_an_id_of_its_own() {
        let mut ids: Vec<String> = ViewCommand::all().into_iter().map(ViewCommand::id).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
