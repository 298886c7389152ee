//! A series made here goes to a real PACS, by DICOMweb and by C-STORE.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_cache::Import;
use medsight_record::destination::Destination;
use medsight_record::node::Node;
use medsight_sync::{Auth, Engine, Secrets};
use peers::bed::{key, now, sweep};
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
