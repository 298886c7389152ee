//! A modality worklist that is not ours: DCMTK's wlmscpfs.

use crate::{ask, peers, source, with};
use medsight_record::node::Node;
use medsight_record::source::From;
use medsight_sync::Trouble;
use peers::bed::{cache, nothing};
use tempfile::tempdir;

fn node(port: u16) -> Node {
    let text = format!(
        "name = \"mwl\"\n[dimse]\ncalled_ae = \"MWL\"\ncalling_ae = \"WORKSTATION\"\nhost = \"127.0.0.1\"\nport = {port}\nconnect_s = 2"
    );
    toml::from_str(&text).unwrap()
}

#[test]
fn steps_of_a_worklist_are_expected_and_a_worklist_that_is_down_takes_none_away() {
    let Some(peer) = peers::worklist() else { return };
    let folder = tempdir().unwrap();
    let cache = cache(folder.path(), 0, 1);
    let mut mwl = source("days_back = 365\ndays_ahead = 365");
    mwl.brings = [medsight_record::source::Brings::Orders].into();
    mwl.from = From::Node("mwl".into());
    let asking = with(&cache, mwl.clone(), Vec::new(), vec![node(peer.port)], nothing());
    let came = ask(&asking).unwrap();
    let expected = cache.expected_orders("", 10).unwrap();
    assert_eq!((came.new, expected.total), (2, 2), "{expected:?}");
    assert!(
        expected
            .orders
            .iter()
            .all(|known| !known.order.patient.id.is_empty() && known.order.scheduled.is_some())
    );
    assert!(!ask(&asking).unwrap().any());
    let down = with(&cache, mwl, Vec::new(), vec![node(peers::free_port())], nothing());
    assert!(matches!(ask(&down), Err(Trouble::Unreachable(_))));
    assert_eq!(cache.expected_orders("", 10).unwrap().total, 2);
    let asking = cache.askings_of("ris").unwrap();
    assert_eq!(asking[0].1.code.as_deref(), Some("sync.unreachable"));
}
