//! The policy of the site that is fetched from its server: asked for while the desk runs, and the last good one kept beside the
//! account's settings, so that it holds also while the server is not there.
//!
//! What is kept has its signature with it and is checked at each start. Whoever can write the account's files can take it
//! away, as they can the program: what must hold in any case belongs into the policy of the machine, which lies above. Not
//! here: asking and believing (`medsight-sync`).

use crate::desk::{Desk, held, now};
use crate::dto::{DeskEvent, SitePolicyView};
use crate::problem::{Fault, Problem};
use crate::session;
use crate::settings::{in_use, replace};
use medsight_audit::Action;
use medsight_base::Timestamp;
use medsight_pacs::CancellationToken;
use medsight_record::{Settings, SitePolicy};
use medsight_sync::site_policy::{KEPT, PolicyTrouble, Sent, believed, fetch};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The fetched policy that holds, and how its server answered last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// Where it is kept; `None`: the account has no place, or the machine's policy names no server.
    file: Option<PathBuf>,
    sent: Option<Sent>,
    serial: Option<u64>,
    /// Its settings.
    pub(crate) layer: String,
    asked_at: Option<Timestamp>,
    /// Why none holds, or no newer one.
    pub(crate) problem: Option<Problem>,
}

impl Kept {
    /// Reads what is kept beside the person's settings, and believes it only with its signature.
    pub(crate) fn read(person: Option<&Path>, machine: &str) -> Self {
        // A policy of the machine that can't be read is told by whoever reads the settings.
        let policy = Settings::layered(machine, "").ok().and_then(|settings| settings.site_policy);
        let (Some(policy), Some(person)) = (policy, person) else { return Self::default() };
        let mut kept = Self { file: Some(person.with_file_name(KEPT)), ..Self::default() };
        let text = kept.file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
        let Some(text) = text else { return kept };
        let sent = Sent::of_kept(&text);
        match believed(&sent.text, &policy, machine) {
            Ok(fetched) => {
                (kept.serial, kept.layer, kept.sent) = (Some(fetched.serial), fetched.layer, Some(sent));
            }
            Err(why) => kept.problem = Some(why.into()),
        }
        kept
    }

    /// As the settings page shows it.
    pub(crate) fn view(&self, policy: &SitePolicy) -> SitePolicyView {
        SitePolicyView {
            url: policy.url.clone(),
            serial: self.serial,
            asked_ms: self.asked_at.map(|at| at.0),
            problem: self.problem.clone(),
        }
    }
}

/// The asking, while the desk runs.
#[derive(Default)]
pub(crate) struct SitePolicies(Mutex<Option<CancellationToken>>);

impl SitePolicies {
    /// Asks now, and then as often as the machine's policy says.
    pub(crate) fn begin(&self, desk: &Arc<Desk>) {
        let Some(policy) = desk.settings().settings.site_policy.clone() else { return };
        let stop = CancellationToken::new();
        if let Some(before) = held(&self.0).replace(stop.clone()) {
            before.cancel();
        }
        let desk = Arc::downgrade(desk);
        tauri::async_runtime::spawn(async move {
            loop {
                let Some(held) = desk.upgrade() else { return };
                ask(&held, &policy, &stop).await;
                drop(held);
                if policy.every_min == 0 {
                    return;
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(60 * u64::from(policy.every_min))) => {}
                }
            }
        });
    }

    /// Ends the asking.
    pub(crate) fn end(&self) {
        if let Some(stop) = held(&self.0).take() {
            stop.cancel();
        }
    }
}

/// Asks once. What is not believed changes nothing, and says why.
pub(crate) async fn ask(desk: &Arc<Desk>, policy: &SitePolicy, stop: &CancellationToken) {
    let etag = desk.settings().fetched.sent.as_ref().and_then(|sent| sent.etag.clone());
    let answer = fetch(policy, etag.as_deref(), stop).await;
    if stop.is_cancelled() {
        return;
    }
    let (on, policy) = (Arc::clone(desk), policy.clone());
    // Files are written, and much may begin anew.
    let taking = move || -> Result<(), Problem> {
        match answer.map_err(PolicyTrouble::from)? {
            Some(sent) => take(&on, &policy, &sent),
            None => Ok(()),
        }
    };
    let taken = tauri::async_runtime::spawn_blocking(taking).await.unwrap_or_else(|_| Err(Fault::Own.into()));
    {
        let mut file = desk.settings();
        file.fetched.asked_at = Some(now());
        file.fetched.problem = taken.err();
    }
    desk.tell(DeskEvent::Settings(Box::new(desk.settings_view())));
}

/// Keeps a policy and puts it to use, where it is signed and not older than the one that holds.
fn take(desk: &Arc<Desk>, policy: &SitePolicy, sent: &Sent) -> Result<(), Problem> {
    let (machine, before) = {
        let file = desk.settings();
        (file.machine.clone(), file.fetched.clone())
    };
    let fetched = believed(&sent.text, policy, &machine)?;
    let is_same = before.sent.as_ref().is_some_and(|known| known.text == sent.text);
    // Another text needs a higher number: else somebody on the way could bring back what was taken away.
    if let Some(known) = before.serial.filter(|known| fetched.serial <= *known && !is_same) {
        return Err(PolicyTrouble::Older { found: fetched.serial, known }.into());
    }
    let place = before.file.ok_or(Fault::NoSettingsFile)?;
    replace(&place, &sent.to_kept()).map_err(Fault::SettingsNotWritten)?;
    if is_same {
        desk.settings().fetched.sent = Some(sent.clone());
        return Ok(());
    }
    let (file, fault) = desk.settings().again();
    if let Some(fault) = fault {
        return Err(fault);
    }
    *desk.settings() = file;
    let fixed = desk.settings().settings.locked().to_vec();
    let detail = json!({"setting": "site_policy", "serial": fetched.serial, "fixed": fixed});
    session::note(desk, Action::SettingChanged, detail);
    in_use(desk);
    Ok(())
}
