//! The commands of the web view, each once: its Tauri wrapper and its TypeScript wrapper come from this list.
//!
//! The functions behind them know nothing of Tauri: they take the desk and a request and give an answer.
//! All run on worker threads, so the window never waits.

use crate::bindings::Bindings;
use crate::desk::Desk;
use crate::dto::{
    AuditExportRequest, AuditRequest, AuditRows, AuditState, ChooseImport, CompareRequest, DeskState,
    DocumentsRequest, FilmFacts, FilmPiece, FilmPieceRequest, FilmRequest, FindRequest, FoundStudies,
    ImportPaths, NodeTest, NodeTestRequest, Nothing, Performed, ReportChoice, ReportPage, ReportPdfRequest,
    ReportRequest, ReportSaved, ReportView, RetrievalChoice, RetrieveRequest, SaveDocumentRequest,
    SaveReportRequest, SecretRequest, ShowPlaceRequest, SignReportRequest, StartState, StudyDetails,
    StudyDocument, StudyRequest, TellCriticalRequest, TemplateRequest, TemplateStart, TextChange, Thumbnail,
    ThumbnailRequest, UnusualRequest, UnusualRow, WindowCommand, WorklistFacets, WorklistFilter,
    WorklistPage, WorklistRequest,
};
use crate::problem::{Fault, Problem};
use crate::{auditing, documents, films, importing, network, perform, reports, sign_in, studies, thumbnails};
use std::sync::Arc;

macro_rules! commands {
    ($($(#[doc = $doc:literal])+ $name:ident($request:ty) -> $answer:ty = $function:expr;)+) => {
        mod wrappers {
            use super::*;
            $(
                $(#[doc = $doc])+
                #[tauri::command]
                pub(crate) async fn $name(
                    desk: tauri::State<'_, Arc<Desk>>,
                    request: $request,
                ) -> Result<$answer, Problem> {
                    let desk = Arc::clone(&desk);
                    let work = move || -> Result<$answer, Problem> { ($function)(&desk, request) };
                    let done = tauri::async_runtime::spawn_blocking(work).await;
                    done.unwrap_or_else(|_| Err(Fault::Own.into()))
                }
            )+
        }

        /// What Tauri calls for a message of the web view.
        pub(crate) fn handler() -> impl Fn(tauri::ipc::Invoke<tauri::Wry>) -> bool + Send + Sync + 'static {
            tauri::generate_handler![$(wrappers::$name),+]
        }

        /// Tells the generator of TypeScript about every command.
        pub(crate) fn describe(bindings: &mut Bindings) {
            $(bindings.command::<$request, $answer>(stringify!($name), &[$($doc),+]);)+
        }
    };
}

commands! {
    /// Everything the window needs to draw itself for the first time.
    desk_state(Nothing) -> DeskState = |desk: &Arc<Desk>, _| Ok(desk.state());
    /// Opens the cache again after trouble; with a keyring that waits, lets it ask for its password.
    retry_start(Nothing) -> StartState = |desk: &Arc<Desk>, _| Ok(desk.start(true));
    /// A window of rows.
    worklist(WorklistRequest) -> WorklistPage = studies::worklist;
    /// Counts beside the filters.
    worklist_facets(WorklistFilter) -> WorklistFacets = studies::facets;
    /// Everything the study panel shows.
    study(StudyRequest) -> StudyDetails = studies::details;
    /// The documents of a study.
    documents(DocumentsRequest) -> Vec<StudyDocument> = documents::list;
    /// Asks where to, and saves the file of a document there; false when the person chose no place.
    save_document(SaveDocumentRequest) -> bool = documents::save_from_window;
    /// The small picture of a series: from the cache, or made now.
    thumbnail(ThumbnailRequest) -> Thumbnail = thumbnails::thumbnail;
    /// A film on its way to the player: noted as opened.
    film(FilmRequest) -> FilmFacts = films::open;
    /// The next piece of a film's stream; empty behind its end.
    film_piece(FilmPieceRequest) -> FilmPiece = films::piece;
    /// Writes a film's stream where the person says; false when they say nowhere.
    save_film(FilmRequest) -> bool = films::save;
    /// Does a command of a person, and says whether undo takes it back.
    perform(WindowCommand) -> Performed = perform::from_window;
    /// Asks for a folder or files and imports them; false when the person chose nothing.
    choose_import(ChooseImport) -> bool = importing::choose;
    /// Imports files, folders, zip archives and DICOMDIRs by their paths.
    import_paths(ImportPaths) -> () = importing::import_paths;
    /// Asks a server, as it stands in the form, whether it is there and knows this workstation.
    test_node(NodeTestRequest) -> NodeTest = network::test_node;
    /// Keeps the token or password of a server in the keyring, or takes it out.
    keep_secret(SecretRequest) -> () = |_: &Arc<Desk>, request| sign_in::keep(request);
    /// Looks for studies on a server of the settings.
    find_on_server(FindRequest) -> FoundStudies = network::find;
    /// Calls off what servers are being asked by test and search.
    stop_asking(Nothing) -> () = |desk: &Arc<Desk>, _| { desk.asking().stop(); Ok(()) };
    /// Brings studies of a server into the cache, and shows them as they arrive where that was asked for.
    retrieve(RetrieveRequest) -> () = network::retrieve;
    /// Stops one retrieval, or all; what came stays.
    cancel_retrieval(RetrievalChoice) -> () =
        |desk: &Arc<Desk>, choice: RetrievalChoice| { desk.retrieving().cancel(desk, choice.id); Ok(()) };
    /// Tries a retrieval that has ended again.
    retry_retrieval(RetrievalChoice) -> () = network::retry;
    /// Puts away the retrievals that have ended.
    dismiss_retrievals(Nothing) -> () = |desk: &Arc<Desk>, _| { desk.retrieving().dismiss(desk); Ok(()) };
    /// Tries to listen again after the listener could not.
    retry_listener(Nothing) -> () = |desk: &Arc<Desk>, _| { desk.listening().apply(desk); Ok(()) };
    /// Everything the report page shows.
    report_page(ReportRequest) -> ReportPage = reports::page;
    /// The words that a report begins with.
    begin_report(TemplateRequest) -> TemplateStart = reports::begin;
    /// Keeps what is being written; it is on the disk when this answers.
    save_report(SaveReportRequest) -> ReportSaved = reports::save;
    /// Signs a report; the report as it is then.
    sign_report(SignReportRequest) -> ReportView = reports::sign;
    /// Throws away what was written since the last version.
    discard_report(ReportChoice) -> () = reports::discard;
    /// Writes down that a critical result was passed on; the report as it is then.
    tell_critical(TellCriticalRequest) -> ReportView = reports::tell_critical;
    /// Writes a signed version as PDF where the person says; false when they say nowhere.
    save_report_pdf(ReportPdfRequest) -> bool = reports::save_pdf;
    /// What differs between two texts, word by word.
    compare_texts(CompareRequest) -> Vec<TextChange> = reports::compare;
    /// Shows the place of something that was drawn on the light box.
    show_place(ShowPlaceRequest) -> () = reports::show_place;
    /// Events of the audit trail that fit a question, newest first.
    audit_events(AuditRequest) -> AuditRows = auditing::search;
    /// Checks the audit trail from its beginning.
    verify_audit(Nothing) -> AuditState = auditing::verify;
    /// Accesses that a person should look at.
    unusual_accesses(UnusualRequest) -> Vec<UnusualRow> = auditing::unusual;
    /// Writes a copy of the audit trail where the person says; false when they say nowhere.
    export_audit(AuditExportRequest) -> bool = auditing::export;
    /// Puts the summary of the last import away.
    dismiss_import(Nothing) -> () = |desk: &Arc<Desk>, _| importing::dismiss(desk);
    /// Puts the notice away.
    dismiss_notice(Nothing) -> () = |desk: &Arc<Desk>, _| { desk.dismiss_notice(); Ok(()) };
    /// Tries to start a light box that was given up.
    restart_light_box(Nothing) -> () = |desk: &Arc<Desk>, _| { desk.light_box().forgive(desk); Ok(()) };
}
