//! The commands of the web view, each once: its Tauri wrapper and its TypeScript wrapper come from this list.
//!
//! Each says what it needs of who asks: nobody signed in, somebody, or somebody with a right; it is checked before its
//! function is called. The functions behind them know nothing of Tauri: they take the desk and a request and give an answer.
//! All run on worker threads, so the window never waits.

use crate::app::WINDOW;
use crate::bindings::Bindings;
use crate::desk::Desk;
use crate::dto::{
    AuditExportRequest, AuditRequest, AuditRows, AuditState, ChooseImport, ClaimConflict, ClaimSettleRequest,
    CloseAnswer, CodeRequest, CompareRequest, DeskState, DestinationTestRequest, DocumentsRequest,
    EchoAnswer, ExpectedOrders, ExpectedRequest, FilmFacts, FilmPiece, FilmPieceRequest, FilmRequest,
    FindRequest, FormsView, FoundStudies, ImportPaths, InboundView, NodeTest, NodeTestRequest, Nothing,
    OfPatientRequest, Performed, ProviderForm, ReportChoice, ReportPage, ReportPdfRequest, ReportRequest,
    ReportSaved, ReportView, RetrievalChoice, RetrieveRequest, SaveDocumentRequest, SaveReportRequest,
    SecretRequest, ShowPlaceRequest, SignInRequest, SignReportRequest, SourceForm, SpellingRequest,
    SpellingState, StartState, StudyDetails, StudyDocument, StudyRequest, SyncConflict,
    SyncDestinationRequest, SyncEntryRequest, SyncSettleRequest, SyncView, TellCriticalRequest,
    TemplateRequest, TemplateStart, TextChange, Thumbnail, ThumbnailRequest, UnlockRequest, UnusualRequest,
    UnusualRow, WindowCommand, WorklistFacets, WorklistFilter, WorklistPage, WorklistRequest,
};
use crate::problem::{Fault, Problem};
use crate::session::{self, Need};
use crate::{
    auditing, closing, conflicts, documents, films, forms, importing, inbound, network, perform, reports,
    server_secret, spelling, studies, syncing, thumbnails,
};
use medsight_record::Right;
use std::sync::Arc;

macro_rules! commands {
    ($($(#[doc = $doc:literal])+ $name:ident($request:ty) -> $answer:ty, $need:expr => $function:expr;)+) => {
        mod wrappers {
            use super::*;
            $(
                $(#[doc = $doc])+
                #[tauri::command]
                pub(crate) async fn $name(
                    webview: tauri::Webview,
                    desk: tauri::State<'_, Arc<Desk>>,
                    request: $request,
                ) -> Result<$answer, Problem> {
                    of_the_desk(webview.label())?;
                    let desk = Arc::clone(&desk);
                    let work = move || -> Result<$answer, Problem> {
                        session::allowed(&desk, $need)?;
                        ($function)(&desk, request)
                    };
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
    desk_state(Nothing) -> DeskState, Need::Nobody => |desk: &Arc<Desk>, _| Ok(desk.state());
    /// Opens the cache again after trouble; with a keyring that waits, lets it ask for its password.
    retry_start(Nothing) -> StartState, Need::Nobody => |desk: &Arc<Desk>, _| Ok(desk.start(true));
    /// A window of rows.
    worklist(WorklistRequest) -> WorklistPage, SEE => studies::worklist;
    /// Counts beside the filters.
    worklist_facets(WorklistFilter) -> WorklistFacets, SEE => studies::facets;
    /// Everything the study panel shows.
    study(StudyRequest) -> StudyDetails, SEE => studies::details;
    /// The documents of a study.
    documents(DocumentsRequest) -> Vec<StudyDocument>, SEE => documents::list;
    /// Asks where to, and saves the file of a document there; false when the person chose no place.
    save_document(SaveDocumentRequest) -> bool, Need::Right(Right::GiveOut) => documents::save_from_window;
    /// The small picture of a series: from the cache, or made now.
    thumbnail(ThumbnailRequest) -> Thumbnail, SEE => thumbnails::thumbnail;
    /// A film on its way to the player: noted as opened.
    film(FilmRequest) -> FilmFacts, SEE => films::open;
    /// The next piece of a film's stream; empty behind its end.
    film_piece(FilmPieceRequest) -> FilmPiece, SEE => films::piece;
    /// Writes a film's stream where the person says; false when they say nowhere.
    save_film(FilmRequest) -> bool, Need::Right(Right::GiveOut) => films::save;
    /// Does a command of a person, and says whether undo takes it back.
    perform(WindowCommand) -> Performed, Need::Somebody => perform::from_window;
    /// Asks for a folder or files and imports them; false when the person chose nothing.
    choose_import(ChooseImport) -> bool, BRING => importing::choose;
    /// Imports files, folders, zip archives and DICOMDIRs by their paths.
    import_paths(ImportPaths) -> (), BRING => importing::import_paths;
    /// Asks a server, as it stands in the form, whether it is there and knows this workstation.
    test_node(NodeTestRequest) -> NodeTest, CONFIGURE => network::test_node;
    /// Asks a destination, as it stands in the form, whether it is there and lets this workstation in.
    test_destination(DestinationTestRequest) -> EchoAnswer, CONFIGURE => syncing::test;
    /// Asks a source of orders and reports, as it stands in the form, what it would be asked.
    test_source(SourceForm) -> EchoAnswer, CONFIGURE => inbound::test;
    /// Asks a sign-in server, as it stands in the form, whether it is one that this workstation can use.
    test_provider(ProviderForm) -> EchoAnswer, CONFIGURE => session::test_provider;
    /// Keeps the token or password of a server in the keyring, or takes it out.
    keep_secret(SecretRequest) -> (), CONFIGURE => |desk: &Arc<Desk>, request| server_secret::keep(desk, request);
    /// Looks for studies on a server of the settings.
    find_on_server(FindRequest) -> FoundStudies, BRING => network::find;
    /// Calls off what servers are being asked by test and search.
    stop_asking(Nothing) -> (), Need::Somebody => |desk: &Arc<Desk>, _| { desk.asking().stop(); Ok(()) };
    /// Brings studies of a server into the cache, and shows them as they arrive where that was asked for.
    retrieve(RetrieveRequest) -> (), BRING => network::retrieve;
    /// Stops one retrieval, or all; what came stays.
    cancel_retrieval(RetrievalChoice) -> (), BRING =>
        |desk: &Arc<Desk>, choice: RetrievalChoice| { desk.retrieving().cancel(desk, choice.id); Ok(()) };
    /// Tries a retrieval that has ended again.
    retry_retrieval(RetrievalChoice) -> (), BRING => network::retry;
    /// Puts away the retrievals that have ended.
    dismiss_retrievals(Nothing) -> (), BRING => |desk: &Arc<Desk>, _| { desk.retrieving().dismiss(desk); Ok(()) };
    /// Tries to listen again after the listener could not.
    retry_listener(Nothing) -> (), CONFIGURE => |desk: &Arc<Desk>, _| { desk.listening().apply(desk); Ok(()) };
    /// Everything the report page shows.
    report_page(ReportRequest) -> ReportPage, SEE => reports::page;
    /// The words that a report begins with.
    begin_report(TemplateRequest) -> TemplateStart, REPORT => reports::begin;
    /// Keeps what is being written; it is on the disk when this answers.
    save_report(SaveReportRequest) -> ReportSaved, Need::Kept(Right::Report) => reports::save;
    /// Signs a report; the report as it is then.
    sign_report(SignReportRequest) -> ReportView, REPORT => reports::sign;
    /// Throws away what was written since the last version.
    discard_report(ReportChoice) -> (), REPORT => reports::discard;
    /// Writes down that a critical result was passed on; the report as it is then.
    tell_critical(TellCriticalRequest) -> ReportView, REPORT => reports::tell_critical;
    /// Writes a signed version as PDF where the person says; false when they say nowhere.
    save_report_pdf(ReportPdfRequest) -> bool, Need::Right(Right::GiveOut) => reports::save_pdf;
    /// What differs between two texts, word by word.
    compare_texts(CompareRequest) -> Vec<TextChange>, SEE => reports::compare;
    /// Shows the place of something that was drawn on the light box.
    show_place(ShowPlaceRequest) -> (), SEE => reports::show_place;
    /// Reads the forms of the site again, and says which are used and what is wrong with the others.
    report_forms(Nothing) -> FormsView, Need::Somebody => |desk: &Arc<Desk>, _| forms::read_again(desk);
    /// Has the words of a report checked in its language.
    check_spelling(SpellingRequest) -> SpellingState, REPORT => spelling::check;
    /// Events of the audit trail that fit a question, newest first.
    audit_events(AuditRequest) -> AuditRows, AUDIT => auditing::search;
    /// Checks the audit trail from its beginning.
    verify_audit(Nothing) -> AuditState, AUDIT => auditing::verify;
    /// Accesses that a person should look at.
    unusual_accesses(UnusualRequest) -> Vec<UnusualRow>, AUDIT => auditing::unusual;
    /// Writes a copy of the audit trail where the person says; false when they say nowhere.
    export_audit(AuditExportRequest) -> bool, AUDIT => auditing::export;
    /// What waits to be sent, for whom, since when and why.
    sync_view(Nothing) -> SyncView, Need::Somebody => syncing::view;
    /// Where orders and earlier reports come from, and how each source answered.
    inbound_view(Nothing) -> InboundView, Need::Somebody => inbound::view;
    /// Asks every source of orders now.
    ask_sources(Nothing) -> (), BRING => inbound::ask;
    /// Asks the sources about the patient of a study: reports of every kind, or what comes after what was read.
    ask_of_patient(OfPatientRequest) -> (), SEE => inbound::ask_of_patient;
    /// Orders that no study here answers yet.
    expected_orders(ExpectedRequest) -> ExpectedOrders, SEE => inbound::expected;
    /// Has an entry tried again that was refused.
    sync_retry(SyncEntryRequest) -> (), REPORT => syncing::retry;
    /// Both versions of what somebody else changed at a destination meanwhile.
    sync_conflict(SyncEntryRequest) -> SyncConflict, SEE => conflicts::view;
    /// Settles a conflict: ours on top of theirs, theirs, or a merge that is signed as an addendum.
    sync_settle(SyncSettleRequest) -> (), Need::Right(Right::Sign) => conflicts::settle;
    /// Who has an order at the server that was claimed here.
    claim_conflict(SyncEntryRequest) -> ClaimConflict, SEE => conflicts::claim;
    /// Takes an order over from who has it at the server, or leaves it to them.
    settle_claim(ClaimSettleRequest) -> (), REPORT => conflicts::settle_claim;
    /// Tries a destination now that nothing goes to at present.
    sync_now(SyncDestinationRequest) -> (), Need::Somebody => syncing::try_now;
    /// Lets an entry go: it need not go to this destination.
    sync_drop(SyncEntryRequest) -> (), Need::Right(Right::Sign) => syncing::drop_entry;
    /// Puts the summary of the last import away.
    dismiss_import(Nothing) -> (), Need::Somebody => |desk: &Arc<Desk>, _| importing::dismiss(desk);
    /// Puts the notice away.
    dismiss_notice(Nothing) -> (), Need::Somebody => |desk: &Arc<Desk>, _| { desk.dismiss_notice(); Ok(()) };
    /// Tries to start a light box that was given up.
    restart_light_box(Nothing) -> (), SEE => |desk: &Arc<Desk>, _| { desk.light_box().forgive(desk); Ok(()) };
    /// Somebody wants to sign in; how it goes on is told by events.
    sign_in(SignInRequest) -> (), Need::Nobody => session::begin;
    /// Calls off the sign-in that runs.
    cancel_sign_in(Nothing) -> (), Need::Nobody => |desk: &Arc<Desk>, _| session::cancel(desk);
    /// Opens the lock for the person whose session it is.
    unlock(UnlockRequest) -> (), Need::Nobody => session::unlock;
    /// Sets, changes or removes the code of who is signed in.
    set_code(CodeRequest) -> (), Need::Somebody => session::set_code;
    /// What is being written is kept, or can't be: the window that was asked to close may, or stays this once.
    may_close(CloseAnswer) -> (), Need::Nobody => closing::answered;
    /// Somebody moved the mouse or pressed a key: the lock waits.
    input(Nothing) -> (), Need::Somebody => |desk: &Arc<Desk>, _| { desk.session().input(); Ok(()) };
}

/// Another window, should one ever be opened, may ask nothing.
fn of_the_desk(label: &str) -> Result<(), Problem> {
    if label == WINDOW { Ok(()) } else { Err(Fault::BadRequest("another window asks".to_owned()).into()) }
}

/// What many commands need.
const SEE: Need = Need::Right(Right::See);
const BRING: Need = Need::Right(Right::Bring);
const REPORT: Need = Need::Right(Right::Report);
const AUDIT: Need = Need::Right(Right::Audit);
const CONFIGURE: Need = Need::Right(Right::Configure);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::path::Path;

    fn file(name: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_window_of_another_name_may_ask_nothing() {
        assert!(of_the_desk(WINDOW).is_ok());
        for label in ["", "worklist2", "main", "WORKLIST"] {
            assert_eq!(of_the_desk(label).unwrap_err().code, "desk.bad-request");
        }
    }

    #[test]
    fn the_one_window_may_listen_to_the_desk_and_has_no_file_dialog_shell_or_network_of_its_own() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("capabilities");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
        let capability = file("capabilities/worklist.json");
        assert_eq!(capability["windows"], serde_json::json!([WINDOW]));
        assert!(capability.get("remote").is_none());
        let listen = ["core:event:allow-listen", "core:event:allow-unlisten"];
        assert_eq!(capability["permissions"], serde_json::json!(listen));
    }

    #[test]
    fn the_page_loads_and_runs_nothing_that_was_not_built_into_the_program() {
        let security = &file("tauri.conf.json")["app"]["security"];
        let policy = security["csp"].as_str().unwrap();
        let of = |name: &str| {
            let mut parts = policy.split(';').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name)).unwrap_or_default().trim().to_owned()
        };
        assert_eq!(of("default-src"), "'none'");
        assert_eq!(of("script-src"), "'self'");
        assert_eq!(of("connect-src"), "ipc: http://ipc.localhost");
        for name in ["base-uri", "form-action", "frame-ancestors"] {
            assert_eq!(of(name), "'none'", "{name}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("https:"));
        assert_eq!(security["freezePrototype"], true);
    }
}
