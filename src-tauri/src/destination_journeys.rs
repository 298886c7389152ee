//! Where things go, as whoever keeps the workstation sets it: who did, that the site may fix it, and what can not work is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::dto::{AuditRequest, DestinationForm, SettingsChange, WindowCommand};
use crate::support::open_desk;
use crate::{auditing, perform};
use medsight_record::destination::Destination;
use medsight_record::settings::Settings;

const HOSPITAL: &str = "name = \"Hospital\"\ntakes = [\"report\"]\n[to]\nsystem = \"fhir\"\n\
    url = \"http://127.0.0.1:1/r4\"\npatient_system = \"urn:oid:1\"\nsign_in = { by = \"bearer\" }\n";

fn change(names: &[&str]) -> WindowCommand {
    let one = |name: &&str| {
        let destination: Destination = toml::from_str(&HOSPITAL.replace("Hospital", name)).unwrap();
        DestinationForm::from(&destination)
    };
    WindowCommand::ChangeSetting(SettingsChange::Destinations(names.iter().map(one).collect()))
}

#[test]
fn whoever_changes_where_things_go_is_in_the_audit_trail_with_what_changed_and_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let desk = open_desk(folder.path(), |_| None);
    let done = perform::from_window(&desk, change(&["Hospital", "Archive"])).unwrap();
    assert!(done.undoable);
    assert_eq!(desk.settings_view().destinations.len(), 2);
    perform::from_window(&desk, change(&["Hospital"])).unwrap();
    let ask = AuditRequest { action: "setting_changed".into(), ..AuditRequest::default() };
    let told = auditing::search(&desk, ask).unwrap();
    assert_eq!(told.total, 2);
    let text = serde_json::to_string(&told).unwrap();
    assert!(text.contains("Archive") && !text.contains("127.0.0.1"), "{text}");
    perform::from_window(&desk, WindowCommand::Undo).unwrap();
    assert_eq!(desk.settings_view().destinations.len(), 2);
}

#[test]
fn a_site_that_fixes_the_destinations_has_them_shown_and_nobody_changes_them() {
    let folder = tempfile::tempdir().unwrap();
    let desk = open_desk(folder.path(), |_| None);
    let policy = format!("[[destinations]]\n{}", HOSPITAL.replace("[to]", "[destinations.to]"));
    desk.settings().settings = Settings::layered(&policy, "").unwrap();
    let view = desk.settings_view();
    assert_eq!((view.destinations.len(), view.locked.as_slice()), (1, &["destinations".to_owned()][..]));
    let refused = perform::from_window(&desk, change(&[])).unwrap_err();
    assert_eq!(refused.code, "settings.fixed");
    assert_eq!(desk.settings_view().destinations.len(), 1);
}

#[test]
fn a_destination_that_can_not_work_is_refused_by_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let desk = open_desk(folder.path(), |_| None);
    assert_eq!(
        perform::from_window(&desk, change(&["A", "A"])).unwrap_err().code,
        "settings.destination-name"
    );
    let text = HOSPITAL.replace("\"report\"", "\"object\"");
    let form = DestinationForm::from(&toml::from_str::<Destination>(&text).unwrap());
    let refused =
        perform::from_window(&desk, WindowCommand::ChangeSetting(SettingsChange::Destinations(vec![form])));
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.values["kind"].as_str()),
        ("settings.destination-cannot-take", "@sync.kind.object")
    );
}

#[test]
fn a_destination_that_is_named_otherwise_keeps_what_waits_for_it_and_so_it_is_when_that_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let desk = open_desk(folder.path(), |_| None);
    perform::from_window(&desk, change(&["Hospital", "Archive"])).unwrap();
    perform::from_window(&desk, change(&["General", "Archive"])).unwrap();
    let names = || desk.settings_view().destinations.into_iter().map(|one| one.name).collect::<Vec<_>>();
    assert_eq!(names(), ["General", "Archive"]);
    // A name that is taken is refused, and nothing moves.
    assert!(perform::from_window(&desk, change(&["Archive", "Archive"])).is_err());
    perform::from_window(&desk, WindowCommand::Undo).unwrap();
    assert_eq!(names(), ["Hospital", "Archive"]);
}
