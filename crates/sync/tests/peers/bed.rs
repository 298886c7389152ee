//! A cache with studies, destinations for it, and a plain FHIR client that is not ours to look at servers with.

use medsight_base::{StudyUid, Timestamp};
use medsight_cache::{Cache, synthetic};
use medsight_record::destination::Destination;
use medsight_record::report::rules::SignAct;
use medsight_record::report::{Content, ReportId, ReportToSave, Section, Signature};
use medsight_record::{
    Annotation, AnnotationId, AnnotationKind, CodedName, Measured, Place, RecordCommand, ScaleSource,
};
use medsight_sync::{Auth, Engine, Secrets, Swept};
use medsight_vault::MasterKey;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const TOKEN: &str = "peer-test-token";

pub fn now() -> Timestamp {
    Timestamp::from_system(std::time::SystemTime::now())
}

pub fn key() -> MasterKey {
    MasterKey::from_bytes([0x42; 32])
}

/// A cache with `studies` studies; each test has a seed of its own, so that servers can be shared.
pub fn cache(folder: &Path, studies: usize, seed: u64) -> Arc<Cache> {
    let cache = Cache::open(&folder.join("cache"), &key()).unwrap();
    synthetic::fill(&cache, studies, seed).unwrap();
    Arc::new(cache)
}

pub fn study(seed: u64, n: usize) -> StudyUid {
    StudyUid::parse(&format!("2.25.{seed}.{n}.1")).unwrap()
}

/// A length of `mm` millimetres.
pub fn length(study: &StudyUid, id: Uuid, mm: f64) -> Annotation {
    let base = study.as_str().trim_end_matches(".1");
    Annotation {
        id: AnnotationId(id),
        study: study.clone(),
        kind: AnnotationKind::Length,
        place: Place::Image {
            series: medsight_base::SeriesUid::parse(&format!("{base}.2")).unwrap(),
            instance: medsight_base::InstanceUid::parse(&format!("{base}.3")).unwrap(),
            frame: 0,
            points_px: vec![[1.0, 1.0], [5.0, 1.0]],
        },
        measured: Measured {
            length_mm: Some(mm),
            scale: Some(ScaleSource::PixelSpacing),
            ..Measured::default()
        },
        changed_at: now(),
    }
}

pub fn draw(cache: &Cache, annotation: &Annotation) {
    cache.apply(&RecordCommand::SaveAnnotation(Box::new(annotation.clone())), "rita", now()).unwrap();
}

/// Writes and signs a report; its version.
pub fn sign(cache: &Cache, study: &StudyUid, id: ReportId, base: u32, text: &str, act: &SignAct) -> i64 {
    let section = |key: &str, heading: &str, text: &str| Section {
        key: key.into(),
        heading: heading.into(),
        text: text.into(),
        ..Section::default()
    };
    if !matches!(act, SignAct::Addendum { .. } | SignAct::EnteredInError { .. }) {
        let content = Content {
            language: "en".into(),
            code: Some(CodedName {
                value: "18748-4".into(),
                scheme: "LN".into(),
                meaning: "Diagnostic imaging study".into(),
            }),
            title: "CT".into(),
            sections: vec![section("findings", "Findings", text), section("impression", "Impression", text)],
            ..Content::default()
        };
        let save = ReportToSave { report: id, study: study.clone(), content, base_version: base, saved: 0 };
        cache.apply(&RecordCommand::SaveReport(Box::new(save)), "rita", now()).unwrap();
    }
    let signature = Signature { account: "rita".into(), name: "Dr. Rita".into(), at: now() };
    cache.sign_report(id, act, base, signature).unwrap().revision.unwrap()
}

/// A FHIR server as destination.
pub fn fhir(name: &str, url: &str, takes: &str, more: &str) -> Destination {
    let text = format!(
        "name = \"{name}\"\ntakes = [{takes}]\n[to]\nsystem = \"fhir\"\nurl = \"{url}\"\n\
         patient_system = \"urn:oid:2.25.1\"\npatients = \"create\"\nanswer_s = 10\n{more}"
    );
    toml::from_str(&text).unwrap()
}

pub const FINDINGS: &str = "\"annotation\", \"read_state\", \"report\", \"critical\"";

pub fn bearer(token: &str) -> Secrets {
    let token = token.to_owned();
    Arc::new(move |_| Ok(Auth::Bearer(zeroize::Zeroizing::new(token.clone()))))
}

pub fn nothing() -> Secrets {
    Arc::new(|_| Ok(Auth::None))
}

pub fn engine(cache: &Arc<Cache>, destinations: Vec<Destination>, secrets: Secrets) -> Engine {
    Engine::new(Arc::clone(cache), destinations, Vec::new(), secrets, "rita").unwrap()
}

/// Everything that can go now.
pub fn sweep(engine: &Engine) -> Vec<Swept> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(engine.once(&CancellationToken::new()))
}

/// What a server answers to curl, which shares no code with ours.
pub fn curl(method: &str, url: &str, body: Option<&Value>) -> (u16, Value) {
    let mut command = Command::new("curl");
    command.args(["-s", "-X", method, "-w", "\n%{http_code}", "--max-time", "30"]);
    command.args(["-H", "Accept: application/fhir+json", "-H", "Content-Type: application/fhir+json"]);
    command.args(["-H", &format!("Authorization: Bearer {TOKEN}")]);
    if let Some(body) = body {
        command.args(["--data-binary", &body.to_string()]);
    }
    let output = command.arg(url).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Resources that a search finds.
pub fn search(base: &str, query: &str) -> Vec<Value> {
    let mut answer = curl("GET", &format!("{base}/{query}"), None);
    // Helios in memory locks its tables against a reader at times, and says so with 503.
    for _ in 0..50 {
        if answer.0 != 503 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        answer = curl("GET", &format!("{base}/{query}"), None);
    }
    let (status, bundle) = answer;
    assert_eq!(status, 200, "{query}: {bundle}");
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.into_iter().map(|entry| entry["resource"].clone()).collect()
}

/// The resources of one of our names.
pub fn named(base: &str, kind: &str, id: Uuid) -> Vec<Value> {
    search(base, &format!("{kind}?identifier=urn:ietf:rfc:3986%7Curn:uuid:{}", id.as_hyphenated()))
}
