//! A real PACS that promises to keep what the desk sent, and says so on an association of its own: only then is it delivered.
//! Where no Orthanc is installed, that is said loudly and the test passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::desk::Desk;
use crate::dto::{
    DestinationForm, ListenerForm, ListenerState, Nothing, SenderForm, SettingsChange, SyncDestination,
    WindowCommand,
};
use crate::network_journeys::{desk, images_here, node, peers, set_nodes};
use crate::{perform, syncing};
use medsight_record::destination::Destination;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn set(desk: &Arc<Desk>, change: SettingsChange) {
    perform::from_window(desk, WindowCommand::ChangeSetting(change)).unwrap();
}

fn listen(desk: &Arc<Desk>, port: u16, on: bool) {
    let sender = SenderForm { title: "ORTHANC".into(), address: "127.0.0.1".into() };
    let form = ListenerForm {
        on,
        own_ae: "WORKSTATION".into(),
        address: "127.0.0.1".into(),
        port,
        tls: None,
        senders: vec![sender],
    };
    set(desk, SettingsChange::Listener(Box::new(form)));
}

/// A desk with a study that is to go to a PACS, which has to promise to keep it.
fn sending(folder: &Path, port: u16, study: u32) -> Arc<Desk> {
    let desk = desk(folder);
    let mut archive = node("archive", port);
    if let Some(dimse) = &mut archive.dimse {
        dimse.called_ae = "ORTHANC".into();
    }
    set_nodes(&desk, vec![archive]);
    let (files, _) = peers::ct_series(&folder.join("ct"), 3, 64, study);
    desk.importing().add(&desk, files).unwrap();
    until("the import", || images_here(&desk) == 3);
    let destination: Destination = toml::from_str(
        "name = \"pacs\"\ntakes = [\"study\"]\n[to]\nsystem = \"pacs\"\nnode = \"archive\"\ncommitment = true",
    )
    .unwrap();
    set(&desk, SettingsChange::Destinations(vec![DestinationForm::from(&destination)]));
    desk
}

fn there(desk: &Arc<Desk>) -> SyncDestination {
    syncing::view(desk, Nothing {}).unwrap().destinations.remove(0)
}

fn until(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn promises(desk: &Arc<Desk>) -> u64 {
    match desk.state().listener {
        ListenerState::Listening { seen, .. } => {
            seen.iter().filter(|seen| seen.what == "committed").map(|seen| seen.count).sum()
        }
        other => panic!("it does not listen: {other:?}"),
    }
}

#[test]
fn a_study_is_delivered_when_the_pacs_has_told_the_listener_that_it_keeps_it() {
    let folder = peers::folder();
    let (port, http, ours) = (peers::free_port(), peers::free_port(), peers::free_port());
    let Some(_server) = peers::orthanc(folder.path(), port, http, ours, false) else { return };
    let desk = sending(folder.path(), port, 761);
    // Nobody hears the answer: the study is there, and that is not enough. It is not asked for again either.
    until("the sending", || !there(&desk).stuck.is_empty());
    let waits = there(&desk);
    assert_eq!((waits.waiting, waits.stuck[0].problem.code.as_str()), (1, "sync.promise-out"));
    assert_eq!(waits.stuck[0].attempts, 1);
    assert!(waits.stuck[0].next_ms.unwrap() > crate::desk::now().0 + 50 * 60 * 1000, "{waits:?}");

    // A person switches the listener on and has it tried again: it is asked for once more, and the answer is heard.
    listen(&desk, ours, true);
    syncing::retry(&desk, crate::dto::SyncEntryRequest { id: waits.stuck[0].id, destination: "pacs".into() })
        .unwrap();
    until("the promise", || there(&desk).waiting == 0);
    assert_eq!(promises(&desk), 1, "asked once, answered once");
    assert!(desk.cache().unwrap().verify_audit().unwrap().is_ok());

    // What comes into the study later goes there too.
    let (files, _) = peers::ct_series(&folder.path().join("more"), 5, 64, 761);
    desk.importing().add(&desk, files).unwrap();
    until("the later images", || images_here(&desk) == 5 && there(&desk).waiting == 0);
    assert_eq!(promises(&desk), 2);
    desk.end();
}
