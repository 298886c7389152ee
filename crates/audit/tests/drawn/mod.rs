//! Events as tests of the forms meet them. Also used by the tests of `medsight-sync`.
#![allow(unreachable_pub, reason = "a module of several test programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use medsight_audit::{Action, AuditEvent, Clock, ClockState, FORM, Link, Origin, Outcome, PatientKey};
use medsight_base::{StudyUid, Timestamp};
use serde_json::{Value, json};

/// Names the trail.
pub const SITE: &str = "9d1f6a52-0000-8000-8000-000000000000";

/// An event of every action, with everything, with little, and failed; and one of a word of a later version.
pub fn links() -> Vec<Link> {
    let mut events = Vec::new();
    for action in Action::ALL {
        let study = StudyUid::parse("1.2.840.99999.1").unwrap();
        let detail = json!({"server": "pacs.example", "bytes": 7, "text": "<&\"' ü \u{1}"});
        let mut full = AuditEvent::new("müller", *action, Timestamp(1_790_000_000_123), Some(study), detail)
            .because("<why> & \"how\"\n")
            .about(Some(PatientKey { id: "PAT-1".into(), issuer: Some("HOSPITAL".into()) }));
        full.more.name = Some("Dr. Käthe Müller".into());
        full.more.roles = vec!["radiologist".into(), "auditor".into()];
        full.more.from = Some(Origin { station: "READ-1".into(), program: "medsight 0.1.0".into() });
        full.more.clock = Some(Clock { state: ClockState::Unsynchronised, went_back: true });
        events.push(full.clone());
        events.push(full.ended(Outcome::SeriousFailure));
        let bare = AuditEvent::new("system", *action, Timestamp(0), None, Value::Null);
        events.push(bare);
    }
    let mut later = events[0].clone();
    later.what = "took_a_nap".into();
    events.push(later);
    let link =
        |(index, event)| Link { sequence: index as u64 + 1, form: FORM, event, hash: [index as u8; 32] };
    events.into_iter().enumerate().map(link).collect()
}
