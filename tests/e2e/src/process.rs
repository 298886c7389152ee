//! Processes by their ids: starting them with a log, finding those that came out of one, ending them.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A child that is ended, with all that came out of it, when nobody needs it any more.
pub(crate) struct Owned {
    child: Child,
}

impl Owned {
    /// Starts a program; what it prints on stderr goes to a log in `logs`.
    pub(crate) fn start(command: &mut Command, logs: &Path, name: &str) -> Result<Self> {
        let log = std::fs::File::create(logs.join(format!("{name}.log")))?;
        let child = command.stderr(log).spawn().with_context(|| format!("{name} could not be started"))?;
        Ok(Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipe of its standard output, once.
    pub(crate) fn stdout(&mut self) -> Result<std::process::ChildStdout> {
        self.child.stdout.take().context("its standard output is not a pipe")
    }

    /// The pipe of its standard input, once.
    pub(crate) fn stdin(&mut self) -> Result<std::process::ChildStdin> {
        self.child.stdin.take().context("its standard input is not a pipe")
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let mut family = descendants(self.id());
        family.push(self.id());
        for id in &family {
            signal(*id, "TERM").ok();
        }
        let patience = Instant::now() + Duration::from_secs(3);
        while Instant::now() < patience {
            let ended = matches!(self.child.try_wait(), Ok(Some(_)));
            if ended && !family.iter().any(|id| alive(*id)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        for id in family.iter().filter(|id| alive(**id)) {
            signal(*id, "KILL").ok();
        }
        self.child.wait().ok();
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(id: u32, name: &str) -> Result<()> {
    let mut kill = Command::new("kill");
    kill.args([format!("-{name}"), id.to_string()]).stderr(Stdio::null());
    if !kill.status()?.success() {
        bail!("process {id} is not there any more");
    }
    Ok(())
}

/// Whether a process runs (one that has ended and was not waited for does not).
pub(crate) fn alive(id: u32) -> bool {
    stat(id).is_some_and(|(_, state)| state != 'Z' && state != 'X')
}

/// Every process that came out of this one, nearest first.
pub(crate) fn descendants(id: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pairs: Vec<(u32, u32)> = all
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, stat(id)?.0)))
        .collect();
    let mut family = vec![id];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        at += 1;
    }
    family.split_off(1)
}

/// The descendant that runs this program file.
pub(crate) fn running(of: u32, program: &Path) -> Option<u32> {
    let program = program.canonicalize().ok()?;
    let is = |id: &u32| std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe == program);
    descendants(of).into_iter().filter(|id| alive(*id)).find(is)
}

/// Parent and state of a process (proc(5)); the name in brackets may hold spaces.
fn stat(id: u32) -> Option<(u32, char)> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut words = text.rsplit_once(") ")?.1.split(' ');
    let state = words.next()?.chars().next()?;
    Some((words.next()?.parse().ok()?, state))
}

/// Asks again and again until there is an answer; the last reason when there is none in time.
pub(crate) fn until<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        match ask() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= end => {
                return Err(error.context(format!("waited {seconds} s for {what}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(60)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_out_of_a_shell_is_found_and_ended_with_it() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 60 & wait"]);
        let owned = Owned::start(&mut shell, &std::env::temp_dir(), "e2e-process-test").expect("sh starts");
        let children = until("the child", 5, || {
            let found = descendants(owned.id());
            if found.is_empty() { bail!("none yet") } else { Ok(found) }
        });
        let children = children.expect("sleep is a child of sh");
        drop(owned);
        assert!(children.iter().all(|id| !alive(*id)));
    }
}
