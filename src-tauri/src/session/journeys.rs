//! A session at the desk without its window: locked, opened, refused, left; and what a window is told meanwhile.

use super::*;
use crate::args::Args;
use crate::desk::Shell;
use crate::dto::{CodeRequest, StartState, UnlockRequest, WindowCommand};
use crate::{perform, support};
use medsight_record::SettingChange;
use medsight_record::identity::Provider;
use std::path::Path;
use std::time::Instant;

fn desk(folder: &Path) -> Arc<Desk> {
    support::open_desk(folder, |_| None)
}

fn code(text: &str) -> UnlockRequest {
    UnlockRequest { code: Some(text.to_owned()) }
}

fn standing(desk: &Arc<Desk>) -> Standing {
    desk.session_view().standing
}

fn refusal(desk: &Arc<Desk>, command: WindowCommand) -> String {
    perform::from_window(desk, command).unwrap_err().code
}

/// As if the provider had vouched for somebody.
fn enter(desk: &Arc<Desk>, account: &str, roles: &[Role]) {
    let mut inner = held(&desk.session().inner);
    let person =
        Person { account: account.into(), name: account.into(), roles: roles.iter().copied().collect() };
    let (issuer, at) = (Some("http://127.0.0.1:9".to_owned()), now());
    inner.people.meet(issuer.clone(), Some(account.into()), &person, Some(at), at);
    inner.issuer = issuer;
    inner.subject = Some(account.into());
    inner.person = Some(person);
    inner.standing = Standing::Active;
    drop(inner);
    changed(desk);
}

fn with_provider(desk: &Arc<Desk>) {
    let provider = Some(Provider::new("http://127.0.0.1:9", "workstation"));
    let identity = Identity { provider, ..Identity::default() };
    crate::settings::change(desk, SettingChange::Identity(Box::new(identity))).unwrap();
}

#[test]
fn without_a_provider_the_account_of_the_computer_may_do_everything_and_a_lock_opens_in_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    assert_eq!(standing(&desk), Standing::Active);
    assert_eq!(desk.session_view().rights.len(), Right::ALL.len());
    perform::from_window(&desk, WindowCommand::Lock).unwrap();
    assert_eq!(standing(&desk), Standing::Locked);
    assert!(desk.session_view().rights.is_empty());
    assert_eq!(refusal(&desk, WindowCommand::Undo), "session.locked");
    assert_eq!(allowed(&desk, Need::Right(Right::See)).unwrap_err().code, "session.locked");
    unlock(&desk, UnlockRequest { code: None }).unwrap();
    assert_eq!(standing(&desk), Standing::Active);
}

#[test]
fn a_code_opens_the_lock_also_after_a_restart_and_is_changed_only_by_who_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = desk(folder.path());
    let set = |desk: &Arc<Desk>, present: Option<&str>, code: Option<&str>| {
        set_code(desk, CodeRequest { present: present.map(str::to_owned), code: code.map(str::to_owned) })
    };
    assert_eq!(set(&first, None, Some("short")).unwrap_err().code, "session.code-length");
    set(&first, None, Some("planted-code-1")).unwrap();
    assert_eq!(set(&first, Some("guess"), None).unwrap_err().code, "session.wrong-code");
    let sealed = std::fs::read(folder.path().join("cache/people")).unwrap();
    assert!(!sealed.windows(7).any(|part| part == b"planted"));
    drop(first);

    let second = desk(folder.path());
    assert_eq!(standing(&second), Standing::Locked);
    assert_eq!(unlock(&second, code("planted-code-2")).unwrap_err().code, "session.wrong-code");
    assert_eq!(standing(&second), Standing::Locked);
    unlock(&second, code("planted-code-1")).unwrap();
    set(&second, Some("planted-code-1"), None).unwrap();
    lock(&second, "person");
    unlock(&second, UnlockRequest { code: None }).unwrap();
}

#[test]
fn the_desk_locks_by_itself_when_nobody_touches_it_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    desk.session().idle.pretend(Duration::from_secs(14 * 60));
    desk.session().input();
    desk.session().idle.pretend(Duration::from_secs(14 * 60));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(standing(&desk), Standing::Active);
    desk.session().idle.pretend(Duration::from_secs(2 * 60));
    // A key that comes after the time, as after a sleep of the computer, does not keep it open.
    desk.session().input();
    let begun = Instant::now();
    while standing(&desk) == Standing::Active {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not lock");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn each_role_does_what_it_may_and_is_told_what_it_may_not_and_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    with_provider(&desk);
    assert_eq!(standing(&desk), Standing::SignedOut);
    assert_eq!(refusal(&desk, WindowCommand::Undo), "session.signed-out");
    enter(&desk, "nora", &[Role::WoundNurse]);
    assert!(allowed(&desk, Need::Right(Right::See)).is_ok());
    let delete = WindowCommand::DeleteStudies { study_uids: vec!["2.25.1".into()] };
    let problem = perform::from_window(&desk, delete).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.values["right"].as_str()),
        ("session.no-right", "@right.remove")
    );
    let told = problem.told(&desk.words());
    assert!(told.contains("delete from this computer") && told.contains("radiologist"), "{told}");
    assert_eq!(desk.who(), "nora");
    enter(&desk, "ivan", &[Role::ItAdmin]);
    assert_eq!(allowed(&desk, Need::Right(Right::See)).unwrap_err().code, "session.no-right");
    perform::from_window(&desk, WindowCommand::ToggleTheme).unwrap();
}

#[test]
fn a_broken_glass_shows_studies_for_a_time_and_its_reason_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    with_provider(&desk);
    enter(&desk, "ivan", &[Role::ItAdmin]);
    let broken = |reason: &str| WindowCommand::BreakGlass { reason: reason.to_owned() };
    assert_eq!(refusal(&desk, broken(" x ")), "session.no-reason");
    perform::from_window(&desk, broken("Cardiac arrest, nobody else is here")).unwrap();
    assert!(allowed(&desk, Need::Right(Right::See)).is_ok());
    assert!(allowed(&desk, Need::Right(Right::Report)).is_err());
    assert!(desk.session_view().glass_until_ms.is_some());
    held(&desk.session().inner).glass_until = Some(Timestamp(now().0 - 1));
    assert!(allowed(&desk, Need::Right(Right::See)).is_err());
}

#[test]
fn a_session_of_a_provider_opens_by_code_for_hours_without_it_and_then_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    with_provider(&desk);
    enter(&desk, "rita", &[Role::Radiologist]);
    lock(&desk, "person");
    // Without a code only the provider can tell who it is.
    assert_eq!(unlock(&desk, code("")).unwrap_err().code, "session.needs-sign-in");
    enter(&desk, "rita", &[Role::Radiologist]);
    set_code(&desk, CodeRequest { present: None, code: Some("planted-code-1".into()) }).unwrap();
    lock(&desk, "person");
    unlock(&desk, code("planted-code-1")).unwrap();
    lock(&desk, "person");
    let hours = |hours: i64| {
        let mut inner = held(&desk.session().inner);
        let person = inner.person.clone().unwrap();
        let at = Timestamp(now().0 - hours * 3_600_000);
        let (issuer, subject) = (inner.issuer.clone(), inner.subject.clone());
        inner.people.meet(issuer, subject, &person, Some(at), at);
    };
    hours(13);
    assert!(!desk.session_view().code_works);
    assert_eq!(unlock(&desk, code("planted-code-1")).unwrap_err().code, "session.offline-over");
    // A clock that was set back does not lengthen the time.
    hours(-2);
    assert_eq!(unlock(&desk, code("planted-code-1")).unwrap_err().code, "session.offline-over");
}

#[test]
fn behind_the_lock_a_window_is_told_nothing_of_studies() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let args = Args {
        cache: Some(folder.path().join("cache")),
        key: format!("key-file:{}", folder.path().join("key").display()).parse().ok(),
        import: Vec::new(),
    };
    let shell = Shell {
        tell: Box::new(move |event| held(&heard).push(event)),
        choose: Box::new(|_| Vec::new()),
        save_as: Box::new(|_| None),
        open_in_browser: Box::new(|_| false),
        speller: None,
        close: Box::new(|| ()),
    };
    let desk = Desk::new(args, Some(folder.path().join("settings.toml")), shell);
    assert!(matches!(desk.start(false), StartState::Ready { .. }));
    desk.studies_changed();
    assert!(held(&told).iter().any(|event| matches!(event, DeskEvent::WorklistChanged)));
    lock(&desk, "person");
    held(&told).clear();
    desk.studies_changed();
    desk.tell(DeskEvent::StudyChanged { study_uid: "2.25.1".into() });
    assert!(held(&told).iter().all(DeskEvent::is_for_everybody));
    assert!(desk.state().retrievals.is_empty());
}
