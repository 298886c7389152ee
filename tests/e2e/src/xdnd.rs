//! Drags files onto a window as a file manager does: the source's side of the XDND protocol, version 5
//! (freedesktop.org, "Drag-and-Drop Protocol for the X Window System"), without a pointer.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::time::{Duration, Instant};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

const PATIENCE: Duration = Duration::from_secs(10);

/// The source of one drag.
struct Source {
    x: RustConnection,
    target: Window,
    files: String,
}

/// Drags `files` over the middle of the first of these windows that takes drops, calls `over` when the window says that
/// it would take them, lets go, and waits until the window has taken them.
pub(crate) fn drop_files(
    display: &str,
    windows: &[Window],
    files: &[&Path],
    over: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (x, screen) = x11rb::connect(Some(display)).context("no X server")?;
    let root = x.setup().roots[screen].root;
    let window = x.generate_id()?;
    x.create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_OUTPUT, 0, &CreateWindowAux::new())?;
    let aware = atom(&x, "XdndAware")?;
    let takes = |w: &&Window| {
        let property = x.get_property(false, **w, aware, AtomEnum::ATOM, 0, 1);
        property.ok().and_then(|cookie| cookie.reply().ok()).is_some_and(|reply| reply.value_len > 0)
    };
    let target = *windows.iter().find(takes).context("no window takes drops")?;
    let size = x.get_geometry(target)?.reply()?;
    let middle = x.translate_coordinates(
        target,
        root,
        i16::try_from(size.width / 2)?,
        i16::try_from(size.height / 2)?,
    )?;
    let middle = middle.reply()?;
    let uris: Vec<String> = files.iter().map(|file| format!("file://{}\r\n", file.display())).collect();
    let source = Source { x, target, files: uris.concat() };
    source.x.set_selection_owner(window, atom(&source.x, "XdndSelection")?, x11rb::CURRENT_TIME)?;

    let uri_list = atom(&source.x, "text/uri-list")?;
    source.tell("XdndEnter", [window, 5 << 24, uri_list, 0, 0])?;
    let at = (u32::from(u16::try_from(middle.dst_x)?) << 16) | u32::from(u16::try_from(middle.dst_y)?);
    let copy = atom(&source.x, "XdndActionCopy")?;
    let end = Instant::now() + PATIENCE;
    loop {
        source.tell("XdndPosition", [window, 0, at, x11rb::CURRENT_TIME, copy])?;
        // The lowest bit of a status: the target would take a drop here.
        if source.hear("XdndStatus", Duration::from_millis(300))?.is_some_and(|data| data[1] & 1 == 1) {
            break;
        }
        ensure!(Instant::now() < end, "the window does not take the files");
    }
    over()?;
    source.tell("XdndDrop", [window, 0, x11rb::CURRENT_TIME, 0, 0])?;
    match source.hear("XdndFinished", PATIENCE)? {
        Some(_) => Ok(()),
        None => bail!("the window did not finish the drop"),
    }
}

fn atom(x: &RustConnection, name: &str) -> Result<Atom> {
    Ok(x.intern_atom(false, name.as_bytes())?.reply()?.atom)
}

impl Source {
    fn tell(&self, message: &str, data: [u32; 5]) -> Result<()> {
        let event = ClientMessageEvent::new(32, self.target, atom(&self.x, message)?, data);
        self.x.send_event(false, self.target, EventMask::NO_EVENT, event)?;
        self.x.flush()?;
        Ok(())
    }

    /// Waits for a message of the target and meanwhile hands the files to whoever asks for them.
    fn hear(&self, message: &str, patience: Duration) -> Result<Option<[u32; 5]>> {
        let wanted = atom(&self.x, message)?;
        let end = Instant::now() + patience;
        while Instant::now() < end {
            match self.x.poll_for_event()? {
                Some(Event::SelectionRequest(asked)) => self.hand_over(&asked)?,
                Some(Event::ClientMessage(event)) if event.type_ == wanted => {
                    return Ok(Some(event.data.as_data32()));
                }
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Ok(None)
    }

    fn hand_over(&self, asked: &SelectionRequestEvent) -> Result<()> {
        let uri_list = atom(&self.x, "text/uri-list")?;
        let given = asked.target == uri_list;
        if given {
            let (window, property) = (asked.requestor, asked.property);
            self.x.change_property8(PropMode::REPLACE, window, property, uri_list, self.files.as_bytes())?;
        }
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: asked.time,
            requestor: asked.requestor,
            selection: asked.selection,
            target: asked.target,
            property: if given { asked.property } else { x11rb::NONE },
        };
        self.x.send_event(false, asked.requestor, EventMask::NO_EVENT, answer)?;
        self.x.flush()?;
        Ok(())
    }
}
