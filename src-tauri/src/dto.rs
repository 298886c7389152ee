//! What crosses to the web view and back: plain types, described to TypeScript by `ts-rs`.
//!
//! Only shapes are here. The core types of `medsight-record` stay free of the web view's wishes; these
//! are made from them in the command modules. Rust names in snake case are camel case in TypeScript.

mod audit;
mod command;
mod destination;
mod document;
mod event;
mod film;
mod forms;
mod identity;
mod import;
mod inbound;
mod listener;
mod models;
mod network;
mod report;
mod report_content;
mod retrieval;
mod session;
mod settings;
mod source;
mod spelling;
mod start;
mod study;
mod sync;
mod worklist;

pub use audit::{
    AuditBreak, AuditExportRequest, AuditRequest, AuditRow, AuditRows, AuditState, UnusualRequest, UnusualRow,
};
pub use command::{Performed, WindowCommand};
pub use destination::{
    AccessForm, DestinationForm, DestinationTestRequest, FhirForm, Hl7Form, PacsForm, RepositoryForm, ToForm,
};
pub use document::{DocumentsRequest, SaveDocumentRequest, StudyDocument};
pub use event::{DeskEvent, LightBoxState, Notice};
pub use film::{FilmFacts, FilmPiece, FilmPieceRequest, FilmRequest, FilmRow};
pub use forms::{FormsView, SiteForm};
pub use identity::{IdentityForm, ProviderForm};
pub use import::{ChooseImport, ImportPaths, ImportProgress, ImportRefusal, ImportState, ImportSummary};
pub use inbound::{
    ExpectedOrders, ExpectedRequest, FoundView, InboundView, OfPatientForm, OfPatientRequest, OrderTime,
    OrderView, ServerReportView, SourceView, WoundValueView, WoundView,
};
pub use listener::{ListenerForm, ListenerSeen, ListenerState, SenderForm};
pub use models::{ModelRuleForm, ModelsForm};
pub use network::{
    DimseForm, EchoAnswer, FindRequest, FoundStudies, FoundStudy, NodeForm, NodeTest, NodeTestRequest,
    RetrieveWay, SecretRequest, SignInForm, TlsForm, WebForm,
};
pub use report::{
    CompareRequest, CriticalForm, MacroWords, NamedCode, PriorReport, Quotable, ReportChoice, ReportPage,
    ReportPdfRequest, ReportRequest, ReportSaved, ReportView, SaveReportRequest, ShowPlaceRequest,
    SignReportRequest, SignatureView, TellCriticalRequest, TemplateChoice, TemplateField, TemplateRequest,
    TemplateStart, TextChange, VersionView,
};
pub(crate) use report::{annotation_id, report_id};
pub use report_content::{
    CodeForm, ComparedForm, ContentForm, FieldForm, FindingForm, QuoteForm, SectionForm,
};
pub use retrieval::{RetrievalChoice, RetrievalPhase, RetrievalRow, RetrieveRequest, WantedStudy};
pub use session::{
    CloseAnswer, CloseStep, CodeRequest, PersonView, SessionView, SignInFlow, SignInRequest, Standing,
    UnlockRequest,
};
pub use settings::{KeySourceInfo, SettingsChange, SettingsView, SitePolicyView};
pub use source::{FromForm, SourceForm};
pub use spelling::{SpellingRequest, SpellingState};
pub use start::{DeskState, StartState, Trouble, TroubleKind};
pub use study::{Measurement, SeriesRow, StudyDetails, StudyRequest, Thumbnail, ThumbnailRequest};
pub use sync::{
    ClaimConflict, ClaimSettleRequest, SyncBadge, SyncConflict, SyncDestination, SyncDestinationRequest,
    SyncEntryRequest, SyncFailing, SyncSettleRequest, SyncStuck, SyncView,
};
pub use worklist::{
    DateRange, FacetCount, SortColumn, StudyRow, WorklistFacets, WorklistFilter, WorklistPage,
    WorklistRequest,
};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A command that takes nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
