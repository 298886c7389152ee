//! Two workstations claim the same order at the very same moment: one has it, and the other is told so.

use crate::claim::{SEED, Scene, begun};
use crate::peers::bed::{bearer, cache, curl, engine, fhir, now, study, sweep};
use crate::peers::proxy::{Fault, Proxy};
use crate::{inbound, peers};
use medsight_cache::Cache;
use medsight_record::{ReadState, RecordCommand};
use medsight_sync::Engine;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tempfile::tempdir;

/// Races of each kind: which of both is first is left to the network and the server.
const RACES: usize = 4;

/// A workstation: its records, and what it sends with.
struct Desk {
    cache: Arc<Cache>,
    engine: Engine,
    who: &'static str,
}

impl Desk {
    /// Through a proxy that holds the first write until that of the other workstation is there too.
    fn new(cache: Arc<Cache>, who: &'static str, scene: &Scene, port: u16, both: &Arc<Barrier>) -> Self {
        let (writes, both) = (AtomicUsize::new(0), Arc::clone(both));
        let proxy = Proxy::before(port, move |head| {
            let is_write = ["POST", "PUT"].iter().any(|method| head.starts_with(method));
            if is_write && writes.fetch_add(1, Ordering::SeqCst) == 0 {
                both.wait();
            }
            Fault::None
        });
        let url = scene.base.replace(&port.to_string(), &proxy.port.to_string());
        let engine = engine(&cache, vec![fhir("ris", &url, "\"claim\"", "")], bearer(peers::bed::TOKEN));
        Self { cache, engine, who }
    }

    fn claim(&self) {
        let claim = RecordCommand::Claim { study: study(SEED, 0), over: false };
        self.cache.apply(&claim, self.who, now()).unwrap();
    }

    /// Sends until there is nothing left to try; what is stuck.
    fn send(&self) -> Vec<String> {
        for _ in 0..100 {
            sweep(&self.engine);
            let status = self.engine.status().unwrap().remove(0);
            if status.waiting == 0 {
                return status.stuck.into_iter().map(|stuck| stuck.state).collect();
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("the claim of {} came to no end", self.who)
    }
}

fn of_two_that_claim_at_once_one_has_it(base: &str, port: u16, name: &str) {
    let _alone = crate::alone_with_tasks();
    let mut firsts = Vec::new();
    for race in 0..2 * RACES {
        let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
        let name = format!("{name}-{race}");
        let scene = begun(here.path(), base, &name);
        let other = cache(there.path(), 1, SEED);
        let unread = RecordCommand::SetReadState { study: study(SEED, 0), state: ReadState::Unread };
        other.apply(&unread, "x", now()).unwrap();
        crate::ask(&inbound(&other, base, &scene.only)).unwrap();
        // In every second race there is a task that nobody has, and both change it; else both make one.
        if race % 2 == 1 {
            let free = json!({"resourceType": "Task", "status": "requested", "intent": "order",
                "focus": {"reference": scene.order}, "for": {"reference": scene.patient}});
            assert_eq!(curl("POST", &format!("{base}/Task"), Some(&free)).0, 201);
        }
        let both = Arc::new(Barrier::new(2));
        let desks = [(Arc::clone(&scene.cache), "rita"), (other, "otto")]
            .map(|(cache, who)| Desk::new(cache, who, &scene, port, &both));
        let stuck: Vec<Vec<String>> = std::thread::scope(|scope| {
            let sent = desks.each_ref().map(|desk| {
                scope.spawn(|| {
                    desk.claim();
                    desk.send()
                })
            });
            sent.map(|one| one.join().unwrap()).into()
        });
        let running: Vec<Value> =
            scene.tasks().into_iter().filter(|task| task["status"] == "in-progress").collect();
        assert_eq!(running.len(), 1, "{name}: {running:?}");
        let owner = running[0]["owner"]["identifier"]["value"].as_str().unwrap().to_owned();
        for (desk, stuck) in desks.iter().zip(&stuck) {
            let expected: &[&str] = if owner == desk.who { &[] } else { &["conflict"] };
            assert_eq!(stuck, expected, "{name}: {owner} has it, {} is told", desk.who);
        }
        firsts.push(owner);
        // Others ask this server for all tasks of late.
        for task in scene.tasks() {
            let place = format!("{base}/Task/{}", task["id"].as_str().unwrap());
            assert!((200..300).contains(&curl("DELETE", &place, None).0));
        }
    }
    assert_eq!(firsts.len(), 2 * RACES);
}

#[test]
fn of_two_workstations_that_claim_an_order_of_medplum_at_once_one_has_it_and_the_other_is_told() {
    let Some(peer) = peers::medplum() else { return };
    let base = format!("http://127.0.0.1:{}/fhir", peer.port);
    of_two_that_claim_at_once_one_has_it(&base, peer.port, "race");
}

#[test]
fn of_two_workstations_that_claim_an_order_of_helios_at_once_one_has_it_and_the_other_is_told() {
    let (_one, Some(peer)) = (crate::real::alone(), peers::helios()) else { return };
    of_two_that_claim_at_once_one_has_it(&format!("http://127.0.0.1:{}", peer.port), peer.port, "race");
}
