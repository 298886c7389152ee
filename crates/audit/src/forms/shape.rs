//! What each action is called by others: EventID and EventTypeCode of DICOM (PS3.16 CID 400 and 401), the letter of
//! what was done (PS3.15 A.5.1), and which of BALP's patterns it follows.

use crate::Action;

/// A code of DICOM's own terminology and its meaning.
pub(super) type Code = (&'static str, &'static str);

/// DICOM's terminology as FHIR names it.
pub(super) const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";

pub(super) const SOURCE: Code = ("110153", "Source Role ID");
pub(super) const DESTINATION: Code = ("110152", "Destination Role ID");
pub(super) const APPLICATION: Code = ("110150", "Application");
pub(super) const STUDY: Code = ("110180", "Study Instance UID");

/// How the action is told.
pub(super) struct Shape {
    pub(super) event: Code,
    pub(super) kind: Option<Code>,
    /// C, R, U, D or E.
    pub(super) letter: char,
    pub(super) pattern: Pattern,
    /// What was dealt with is a report, not images.
    pub(super) is_report: bool,
}

/// Which pattern of IHE BALP (1.1.5) describes it; success with a patient claims the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// An interaction with records: `PatientCreate`, `PatientRead`, `PatientUpdate`, `PatientDelete`.
    Rest,
    /// A disclosure as its source tells: `PrivacyDisclosure.Source`.
    Disclosure,
    /// An event of DICOM's list, for which BALP has no pattern.
    Dicom,
}

const ACCESSED: Code = ("110103", "DICOM Instances Accessed");
const TRANSFERRED: Code = ("110104", "DICOM Instances Transferred");
const DELETED: Code = ("110105", "DICOM Study Deleted");
const EXPORT: Code = ("110106", "Export");
const IMPORT: Code = ("110107", "Import");
const PROCEDURE: Code = ("110111", "Procedure Record");
const PATIENT_RECORD: Code = ("110110", "Patient Record");
const QUERY: Code = ("110112", "Query");
const ALERT: Code = ("110113", "Security Alert");
const AUTHENTICATION: Code = ("110114", "User Authentication");
const ACTIVITY: Code = ("110100", "Application Activity");
const LOG_USED: Code = ("110101", "Audit Log Used");

const LOGIN: Code = ("110122", "Login");
const LOGOUT: Code = ("110123", "Logout");
const OVERRIDE: Code = ("110127", "Emergency Override Started");
const SECURITY: Code = ("110129", "Security Configuration");
const SOFTWARE: Code = ("110131", "Software Configuration");
const RESTRICTED: Code = ("110132", "Use of Restricted Function");

/// The shape of an action; of a word of a later version that of an application's activity.
pub(super) fn shape(action: Option<Action>) -> Shape {
    use Action as A;
    use Pattern::{Dicom, Disclosure, Rest};
    let (event, kind, letter, pattern) = match action {
        Some(A::Imported | A::Received) => (IMPORT, None, 'C', Rest),
        Some(A::StudyOpened) => (ACCESSED, None, 'R', Rest),
        Some(A::AnnotationSaved | A::ReadStateSet | A::ProposalDecided | A::ProposalReopened) => {
            (ACCESSED, None, 'U', Rest)
        }
        Some(A::AnnotationRemoved | A::SeriesDeleted | A::ImagesEvicted) => (ACCESSED, None, 'D', Rest),
        Some(A::ObjectWritten | A::Proposed) => (ACCESSED, None, 'C', Rest),
        Some(A::StudyDeleted) => (DELETED, None, 'D', Rest),
        Some(A::ReportSaved | A::ReportDiscarded) => (PATIENT_RECORD, None, 'C', Rest),
        Some(A::ReportSigned | A::ReportAmended | A::CriticalTold) => (PATIENT_RECORD, None, 'U', Rest),
        Some(A::ReportViewed) => (PATIENT_RECORD, None, 'R', Rest),
        Some(A::Claimed | A::Released | A::Assigned) => (PROCEDURE, None, 'U', Rest),
        Some(A::Exported | A::Printed) => (EXPORT, None, 'R', Disclosure),
        Some(A::Sent) => (TRANSFERRED, None, 'R', Dicom),
        Some(A::Queried) => (QUERY, None, 'E', Dicom),
        Some(A::DeliveryRefused | A::DeliveryDropped | A::ConflictSettled) => (TRANSFERRED, None, 'R', Dicom),
        Some(A::SignedIn | A::SignInFailed | A::Unlocked | A::UnlockFailed) => {
            (AUTHENTICATION, Some(LOGIN), 'E', Dicom)
        }
        Some(A::SignedOut | A::Locked) => (AUTHENTICATION, Some(LOGOUT), 'E', Dicom),
        Some(A::RightRefused) => (ALERT, Some(RESTRICTED), 'E', Dicom),
        Some(A::BrokeGlass) => (ALERT, Some(OVERRIDE), 'E', Dicom),
        Some(A::KeyChanged | A::RestoreAccepted) => (ALERT, Some(SECURITY), 'E', Dicom),
        Some(A::SettingChanged) => (ALERT, Some(SOFTWARE), 'E', Dicom),
        Some(A::AuditViewed | A::AuditExported) => (LOG_USED, None, 'R', Dicom),
        Some(A::Purged) => (LOG_USED, None, 'D', Dicom),
        Some(A::CacheCreated) | None => (ACTIVITY, None, 'E', Dicom),
    };
    let is_report = matches!(
        action,
        Some(
            A::ReportSaved
                | A::ReportDiscarded
                | A::ReportSigned
                | A::ReportAmended
                | A::ReportViewed
                | A::CriticalTold
        )
    );
    Shape { event, kind, letter, pattern, is_report }
}
