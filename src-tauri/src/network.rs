//! Servers asked by a person: is it there, which studies does it have, bring these here.
//!
//! Not here: the protocols, which are `medsight-pacs`; the retrieval itself; the listener that C-MOVE sends to. A node with
//! both addresses is spoken to by DIMSE, unless its studies are to be brought here by DICOMweb. Secrets are `server_secret`'s.

use crate::desk::{Desk, held, now};
use crate::dto::{
    EchoAnswer, FindRequest, FoundStudies, FoundStudy, NodeTest, NodeTestRequest, RetrievalChoice,
    RetrieveRequest, WantedStudy,
};
use crate::problem::{Fault, Problem};
use crate::retrieving::Wish;
use crate::server_secret;
use medsight_audit::{Action, AuditEvent, Outcome, PatientKey};
use medsight_base::{DicomDate, StudyUid};
use medsight_dicom::tags;
use medsight_pacs::{
    Auth, CancellationToken, Keys, Level, Mover, NetError, Query, Remote, Row, Urgency, WebClient, WebQuery,
};
use medsight_record::node::{Node, RetrieveBy, Web};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use zeroize::Zeroizing;

/// Most rows of a search: more are not read by a person but narrowed down.
const MOST_FOUND: usize = 500;

/// What servers are being asked by test and search, so that it can be called off.
#[derive(Debug, Default)]
pub(crate) struct Asking(Mutex<CancellationToken>);

impl Asking {
    pub(crate) fn token(&self) -> CancellationToken {
        held(&self.0).child_token()
    }

    /// Calls everything off; the next question begins anew.
    pub(crate) fn stop(&self) {
        std::mem::take(&mut *held(&self.0)).cancel();
    }
}

/// Asks a server by each way that its form names.
pub(crate) fn test_node(desk: &Arc<Desk>, request: NodeTestRequest) -> Result<NodeTest, Problem> {
    let node = Node::from(request.node);
    node.check().map_err(Fault::Node)?;
    // What is typed in the form, before it is kept; else what the keyring has.
    let typed = request.secret.filter(|secret| !secret.is_empty()).map(Zeroizing::new);
    let auth = node.web.as_ref().map(|web| server_secret::auth(web, &node.sign_in, typed));
    let cancel = desk.asking().token();
    tauri::async_runtime::block_on(async {
        let dimse = async {
            match &node.dimse {
                Some(dimse) => Some(answer(medsight_pacs::echo(dimse, &cancel).await.map_err(Problem::from))),
                None => None,
            }
        };
        let web = async {
            match (&node.web, auth) {
                (Some(web), Some(Ok(auth))) => {
                    Some(answer(web_echo(web, auth, &cancel).await.map_err(Problem::from)))
                }
                (_, Some(Err(why))) => Some(answer(Err(why))),
                _ => None,
            }
        };
        let (dimse, web) = tokio::join!(dimse, web);
        Ok(NodeTest { dimse, web })
    })
}

pub(crate) fn answer(answer: Result<f64, Problem>) -> EchoAnswer {
    match answer {
        Ok(ms) => EchoAnswer { answer_ms: Some(ms), problem: None },
        Err(why) => EchoAnswer { answer_ms: None, problem: Some(why) },
    }
}

/// DICOMweb has no echo: one study is asked for.
async fn web_echo(web: &Web, auth: Auth, cancel: &CancellationToken) -> Result<f64, NetError> {
    let client = WebClient::new(web, auth)?;
    let keys = Keys::new().ask(&[tags::STUDY_INSTANCE_UID]);
    let query = WebQuery { level: Level::Study, study: None, series: None, keys, limit: 1 };
    let begun = Instant::now();
    client.search(&query, cancel).await?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// A server of the settings, by its name.
fn named(desk: &Desk, name: &str) -> Result<Node, Problem> {
    let nodes = desk.settings().settings.nodes.clone();
    Ok(nodes.into_iter().find(|node| node.name == name).ok_or(Fault::NoSuchNode)?)
}

/// How a server is asked: by DIMSE where it has both ways, unless it is to be the other.
fn asked(node: &Node) -> Result<Remote, Problem> {
    match (node.retrieve, &node.dimse, &node.web) {
        (RetrieveBy::Get | RetrieveBy::Move, Some(dimse), _) => Ok(Remote::Dimse(dimse.clone())),
        (_, _, Some(web)) => {
            let auth = server_secret::auth(web, &node.sign_in, None)?;
            Ok(WebClient::new(web, auth).map(Remote::Web)?)
        }
        _ => Err(NetError::Settings("the node has no address for this".to_owned()).into()),
    }
}

/// How studies are brought here from a server. By C-MOVE only while the listener runs.
pub(crate) fn remote(desk: &Desk, node: &Node) -> Result<Remote, Problem> {
    match (node.retrieve, &node.dimse) {
        (RetrieveBy::Move, Some(dimse)) => {
            let (inbox, destination) = desk.listening().destination()?;
            Ok(Remote::Move(Mover { node: dimse.clone(), destination, inbox }))
        }
        _ => asked(node),
    }
}

/// Looks for studies, and says which of them are here.
pub(crate) fn find(desk: &Arc<Desk>, request: FindRequest) -> Result<FoundStudies, Problem> {
    let cache = desk.cache()?;
    let node = named(desk, &request.node)?;
    let asked = studies(&node, keys_of(&request)?, MOST_FOUND, &desk.asking().token());
    note_query(desk, &node, &request.id, asked.as_ref().map(|(rows, _)| rows.len()).ok())?;
    let (rows, more) = asked?;
    let is_here = |uid: &str| {
        StudyUid::parse(uid).ok().is_some_and(|uid| cache.study(&uid).is_ok_and(|study| study.is_some()))
    };
    // A row without a UID is nothing that could be fetched.
    let studies = rows.iter().map(study_of).filter(|study| !study.uid.is_empty());
    let mut studies: Vec<FoundStudy> =
        studies.map(|study| FoundStudy { here: is_here(&study.uid), ..study }).collect();
    studies.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.name.cmp(&b.name)));
    Ok(FoundStudies { studies, more })
}

/// A server was asked for studies: noted, with the patient where one was asked for by the whole Patient ID. `found`: how
/// many it told of; `None` when it did not answer.
pub(crate) fn note_query(
    desk: &Desk,
    node: &Node,
    patient_id: &str,
    found: Option<usize>,
) -> Result<(), Problem> {
    let is_whole = !patient_id.contains(['*', '?', '\\']);
    let detail = json!({"source": node.name, "feed": "studies", "found": found});
    let outcome = if found.is_some() { Outcome::Success } else { Outcome::MinorFailure };
    let event = AuditEvent::new(&desk.who(), Action::Queried, now(), None, detail)
        .ended(outcome)
        .about(PatientKey::local(patient_id).filter(|_| is_whole));
    desk.cache()?.note_event(&event)?;
    Ok(())
}

/// Studies of a server that match, `most` of them; whether it had more.
pub(crate) fn studies(
    node: &Node,
    keys: Keys,
    most: usize,
    cancel: &CancellationToken,
) -> Result<(Vec<Row>, bool), Problem> {
    let query = Query::new(Level::Study, keys);
    let remote = asked(node)?;
    let answer = tauri::async_runtime::block_on(async {
        match &remote {
            Remote::Dimse(dimse) | Remote::Move(Mover { node: dimse, .. }) => {
                let mut rows = Vec::new();
                let all = medsight_pacs::find(dimse, &query, cancel, |row| {
                    // One more than is shown tells whether there are more.
                    let is_full = rows.len() == most;
                    if !is_full {
                        rows.push(row);
                    }
                    !is_full
                })
                .await?;
                Ok::<_, NetError>((rows, !all))
            }
            Remote::Web(client) => {
                let keys = query.keys.clone();
                let query = WebQuery { level: Level::Study, study: None, series: None, keys, limit: most };
                client.search(&query, cancel).await
            }
        }
    });
    Ok(answer?)
}

/// The search in DICOM's own words (PS3.4 C.2.2.2).
fn keys_of(request: &FindRequest) -> Result<Keys, Fault> {
    let texts = [
        (tags::PATIENT_NAME, name_pattern(&request.name)),
        (tags::PATIENT_ID, request.id.trim().to_owned()),
        (tags::ACCESSION_NUMBER, request.accession.trim().to_owned()),
        (tags::STUDY_DATE, date_range(&request.from, &request.to)?),
        (tags::MODALITIES_IN_STUDY, request.modality.trim().to_uppercase()),
    ];
    let mut keys = Keys::new();
    let mut is_all = true;
    for (tag, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        if text.contains('\\') || text.chars().any(char::is_control) {
            return Err(Fault::BadSearch("a backslash or a control character"));
        }
        is_all = false;
        keys = keys.matching(tag, &text);
    }
    if is_all { Err(Fault::NothingToFind) } else { Ok(keys) }
}

/// `Doe, Jane` is `Doe^Jane*`; what has a wildcard of its own stays as it is.
fn name_pattern(typed: &str) -> String {
    let typed = typed.trim();
    let parts: Vec<&str> = typed.split([',', '^']).map(str::trim).collect();
    let name = parts.join("^");
    if name.is_empty() || name.contains(['*', '?']) { name } else { format!("{name}*") }
}

/// `20260101-20260131`; an open end is left out.
fn date_range(from: &str, to: &str) -> Result<String, Fault> {
    let day = |text: &str| match text.trim() {
        "" => Ok(String::new()),
        text => DicomDate::parse(&text.replace('-', ""))
            .map(|date| date.iso().replace('-', ""))
            .ok_or(Fault::BadSearch("a day that does not exist")),
    };
    let (from, to) = (day(from)?, day(to)?);
    if !from.is_empty() && !to.is_empty() && from > to {
        return Err(Fault::BadSearch("a last day before the first"));
    }
    Ok(if from.is_empty() && to.is_empty() { String::new() } else { format!("{from}-{to}") })
}

pub(crate) fn study_of(row: &Row) -> FoundStudy {
    let day = |tag| DicomDate::parse(&row.text(tag)).map(|date| date.iso()).unwrap_or_default();
    FoundStudy {
        uid: row.text(tags::STUDY_INSTANCE_UID),
        name: row.text(tags::PATIENT_NAME),
        id: row.text(tags::PATIENT_ID),
        birth_date: day(tags::PATIENT_BIRTH_DATE),
        date: day(tags::STUDY_DATE),
        accession: row.text(tags::ACCESSION_NUMBER),
        description: row.text(tags::STUDY_DESCRIPTION),
        modalities: row.texts(tags::MODALITIES_IN_STUDY),
        images: row.text(tags::NUMBER_OF_STUDY_RELATED_INSTANCES).trim().parse().ok(),
        here: false,
    }
}

/// Puts studies of a server into the queue.
pub(crate) fn retrieve(desk: &Arc<Desk>, request: RetrieveRequest) -> Result<(), Problem> {
    let node = named(desk, &request.node)?;
    if node.retrieve == RetrieveBy::Move {
        // Said where the person asks, before anything is queued.
        desk.listening().destination()?;
    }
    let wish = |wanted: WantedStudy| {
        Ok(Wish {
            node: request.node.clone(),
            study: StudyUid::parse(&wanted.uid)?,
            about: wanted.about,
            urgency: if request.open { Urgency::Open } else { Urgency::Asked },
            open: request.open,
        })
    };
    let wishes = request.studies.into_iter().map(wish).collect::<Result<Vec<_>, Problem>>()?;
    if wishes.is_empty() {
        return Err(Fault::BadRequest("No study is named.".to_owned()).into());
    }
    desk.retrieving().add(desk, wishes)
}

/// Tries a retrieval that has ended again.
pub(crate) fn retry(desk: &Arc<Desk>, choice: RetrievalChoice) -> Result<(), Problem> {
    let id = choice.id.ok_or_else(|| Fault::BadRequest("No retrieval is named.".to_owned()))?;
    desk.retrieving().again(desk, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(change: impl FnOnce(&mut FindRequest)) -> Result<Keys, String> {
        let mut request = FindRequest::default();
        change(&mut request);
        keys_of(&request).map_err(|fault| Problem::from(fault).code)
    }

    #[test]
    fn a_name_as_it_is_spoken_is_looked_for_as_dicom_writes_it() {
        let keys = Keys::new().matching(tags::PATIENT_NAME, "Doe^Jane*");
        assert_eq!(asked(|r| r.name = " Doe, Jane ".into()), Ok(keys));
        assert_eq!(name_pattern("*SMITH"), "*SMITH");
    }

    #[test]
    fn days_are_a_range_and_one_that_does_not_exist_is_refused() {
        assert_eq!(date_range("2026-01-05", "").unwrap(), "20260105-");
        assert_eq!(date_range("2026-01-05", "2026-01-05").unwrap(), "20260105-20260105");
        assert_eq!(asked(|r| r.from = "2026-02-30".into()), Err("desk.bad-search".to_owned()));
        assert!(date_range("2026-02-01", "2026-01-01").is_err());
    }

    #[test]
    fn a_search_without_a_word_would_list_the_whole_archive_and_is_refused() {
        assert_eq!(asked(|_| ()), Err("desk.nothing-to-find".to_owned()));
        assert_eq!(asked(|r| r.id = "A\\B".into()), Err("desk.bad-search".to_owned()));
    }
}
