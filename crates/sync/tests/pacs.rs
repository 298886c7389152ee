//! A series made here goes to a real PACS, by DICOMweb and by C-STORE.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_base::Timestamp;
use medsight_cache::Import;
use medsight_dicom::derived::{Device, NewInstance, NewPdf, Origin};
use medsight_record::destination::Destination;
use medsight_record::node::Node;
use medsight_record::report::ReportId;
use medsight_record::report::rules::SignAct;
use medsight_sync::{Auth, Engine, Papers, Secrets};
use peers::bed::{self, key, now, sweep};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn sample(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/samples/studies").join(name)
}

fn basic() -> Secrets {
    Arc::new(|_| Ok(Auth::Basic("peer".into(), zeroize::Zeroizing::new("peer-test-only".into()))))
}

/// Instances of a series that Orthanc has, asked by curl.
fn stored(port: u16, series: &str) -> usize {
    let url = format!("http://127.0.0.1:{port}/dicom-web/instances?SeriesInstanceUID={series}");
    let output = Command::new("curl")
        .args(["-s", "-u", "peer:peer-test-only", "-H", "Accept: application/dicom+json", &url])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    found.as_array().map_or(0, Vec::len)
}

#[test]
fn a_series_made_here_is_in_the_pacs_once_and_can_no_longer_be_taken_back() {
    let Some(peer) = peers::orthanc() else { return };
    for (name, by_web) in [("ct_head_tilted_uneven", true), ("us_colour_multiframe", false)] {
        let folder = tempfile::tempdir().unwrap();
        let cache = Arc::new(medsight_cache::Cache::open(&folder.path().join("cache"), &key()).unwrap());
        let import = Import::new(&cache, &medsight_dicom::DicomHeaders, "rita");
        let taken = import.run(&[sample(name)], &AtomicBool::new(false), |_| ());
        assert!(taken.instances > 0);
        let page = cache.worklist(&medsight_cache::Query { limit: 10, ..Default::default() }).unwrap();
        let study = page.rows[0].uid.clone();
        let series = cache.series(&study).unwrap()[0].uid.clone();
        cache.series_written(&study, &series, "SR", "rita", now()).unwrap();
        let node: Node = toml::from_str(&format!(
            "name = \"archive\"\n[dimse]\ncalled_ae = \"ORTHANC\"\ncalling_ae = \"WORKSTATION\"\nhost = \"127.0.0.1\"\n\
             port = 24242\n[web]\nurl = \"http://127.0.0.1:{}/dicom-web\"",
            peer.port
        ))
        .unwrap();
        let destination: Destination = toml::from_str(&format!(
            "name = \"pacs\"\ntakes = [\"object\"]\n[to]\nsystem = \"pacs\"\nnode = \"archive\"\nby_web = {by_web}"
        ))
        .unwrap();
        let engine = Engine::new(Arc::clone(&cache), vec![destination], vec![node], basic(), "rita").unwrap();
        let instances = cache.series(&study).unwrap()[0].instance_count as usize;
        let swept = sweep(&engine).remove(0);
        assert!(swept.trouble.is_none(), "{:?}", swept.trouble);
        assert_eq!((swept.sent, swept.refused), (1, 0));
        assert_eq!(stored(peer.port, series.as_str()), instances);
        assert!(cache.take_back_series(&study, &series, "rita", now()).is_err(), "others have it");
    }
}

/// A report's newest version as an encapsulated PDF, always the same.
fn papers() -> Papers {
    Arc::new(|study, report| {
        let uid = |n: u128| medsight_base::Uid::from_uuid(report.id.0.as_u128() ^ n);
        let header = NewInstance {
            origin: Origin::of_study(study),
            series: medsight_base::SeriesUid(uid(1 << 64)),
            instance: medsight_base::InstanceUid(uid(u128::from(report.version()))),
            series_number: 9000,
            instance_number: report.version(),
            series_description: "Report".into(),
            made_at: Timestamp(0),
            utc_offset_min: 0,
            device: Device::default(),
        };
        let bytes = b"%PDF-1.4\n%%EOF\n";
        let (title, concept, sources) = ("CT".into(), None, Vec::new());
        let pdf = NewPdf { header, title, concept, names_patient: true, sources, bytes };
        pdf.to_file().map(Some).map_err(|refusal| refusal.reason)
    })
}

fn archive(http: u16, by_web: bool, commitment: bool) -> (Destination, Node) {
    let node = format!(
        "name = \"archive\"\n[dimse]\ncalled_ae = \"ORTHANC\"\ncalling_ae = \"WORKSTATION\"\nhost = \"127.0.0.1\"\n\
         port = 24242\n[web]\nurl = \"http://127.0.0.1:{http}/dicom-web\""
    );
    let destination = format!(
        "name = \"pacs\"\ntakes = [\"report\"]\n[to]\nsystem = \"pacs\"\nnode = \"archive\"\nby_web = {by_web}\n\
         commitment = {commitment}"
    );
    (toml::from_str(&destination).unwrap(), toml::from_str(&node).unwrap())
}

#[test]
fn a_signed_report_waits_for_who_makes_its_pages_and_one_that_has_none_waits_for_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let cache = bed::cache(folder.path(), 1, 7_311);
    let id = ReportId(uuid::Uuid::from_u128(7_311));
    bed::sign(&cache, &bed::study(7_311, 0), id, 0, "No fracture.", &SignAct::Final);
    let engine = |papers: Option<Papers>| {
        let (destination, node) = archive(9, true, false);
        let engine = Engine::new(Arc::clone(&cache), vec![destination], vec![node], basic(), "rita").unwrap();
        match papers {
            Some(papers) => engine.with_papers(papers),
            None => engine,
        }
    };
    let swept = sweep(&engine(None)).remove(0);
    assert_eq!((swept.again, swept.sent, swept.trouble.is_none()), (1, 0, true), "{swept:?}");
    let waiting = engine(None).status().unwrap().remove(0).stuck.remove(0);
    assert_eq!((waiting.code.as_str(), waiting.state.as_str()), ("sync.needs-window", "waiting"));
    // A person does not want to wait.
    cache.outbox_retry(waiting.id, "pacs").unwrap();
    let cannot: Papers = Arc::new(|_, _| Err("a sign that the font does not have".into()));
    let cannot = engine(Some(cannot));
    let swept = sweep(&cannot).remove(0);
    assert_eq!((swept.sent, swept.refused, swept.trouble.is_none()), (0, 1, true));
    let stuck = cannot.status().unwrap().remove(0).stuck.remove(0);
    assert_eq!((stuck.code.as_str(), stuck.words.contains("font")), ("sync.no-pages", true));
}

#[test]
fn each_final_version_of_a_report_is_in_the_pacs_once_however_often_it_is_sent() {
    let Some(peer) = peers::orthanc() else { return };
    for (seed, by_web) in [(7_321, true), (7_322, false)] {
        let folder = tempfile::tempdir().unwrap();
        let study = bed::study(seed, 0);
        let id = ReportId(uuid::Uuid::new_v4());
        let (destination, node) = archive(peer.port, by_web, false);
        let deliver = |cache: &Arc<medsight_cache::Cache>| {
            let engine = Engine::new(
                Arc::clone(cache),
                vec![destination.clone()],
                vec![node.clone()],
                basic(),
                "rita",
            );
            let swept = sweep(&engine.unwrap().with_papers(papers())).remove(0);
            assert!(swept.trouble.is_none(), "{:?}", swept.trouble);
            (swept.sent, swept.refused)
        };
        let cache = bed::cache(folder.path(), 1, seed);
        bed::sign(&cache, &study, id, 0, "No fracture.", &SignAct::Final);
        assert_eq!(deliver(&cache), (1, 0));
        let series = medsight_base::Uid::from_uuid(id.0.as_u128() ^ (1 << 64)).to_string();
        assert_eq!(stored(peer.port, &series), 1);
        let act = SignAct::Addendum { text: "Seen with the surgeon.".into() };
        bed::sign(&cache, &study, id, 1, "", &act);
        assert_eq!(deliver(&cache), (1, 0));
        assert_eq!(stored(peer.port, &series), 2);
        // The workstation is set up anew from a copy that had not sent anything: the same pages arrive again.
        let again = tempfile::tempdir().unwrap();
        let other = bed::cache(again.path(), 1, seed);
        bed::sign(&other, &study, id, 0, "No fracture.", &SignAct::Final);
        assert_eq!(deliver(&other), (1, 0));
        assert_eq!(stored(peer.port, &series), 2);
    }
}
