//! Windows of the X11 display: whose they are, what they are called, and the polite request to close them.
//!
//! Whose a window is says the X server, by the process id that its connection was made with (X-Resource
//! extension, X_ResQueryClientIds); the property _NET_WM_PID is the client's own claim and not believed. Where
//! the server numbers processes otherwise than we do, as one outside of a container or at the other end of a
//! network, nothing is known. The request is WM_DELETE_WINDOW (ICCCM 4.2.8.1), which an application may answer
//! with a question.
//!
//! The display is that of the environment variable DISPLAY. One that gives no answer is given up on.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;

use x11rb::connection::Connection;
use x11rb::protocol::res::{ClientIdMask, ClientIdSpec, ConnectionExt as _};
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, GetPropertyReply, MapState, WindowClass,
};
use x11rb::rust_connection::RustConnection;

/// How long the display may take for all of its answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// No display has more windows that matter.
const WINDOW_LIMIT: usize = 4096;

/// Frames of a window manager around a window.
const FRAME_LIMIT: usize = 3;

/// Characters of a title that are told.
const TITLE_LIMIT: usize = 200;

/// A top-level window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    /// The process whose it is.
    pub(crate) pid: u32,
    pub(crate) title: String,
    /// A main window: not one of another, no menu, and not hidden.
    pub(crate) is_main: bool,
    /// A part of the desktop shell: the desktop itself, or a panel.
    pub(crate) is_shell: bool,
    /// It is on the screen, or would be if it were not an icon.
    pub(crate) is_shown: bool,
    /// Its application can be asked to close it.
    closes: bool,
    id: u32,
}

/// The top-level windows of the display; `None` where there is no display, or none that answers.
pub(crate) fn windows() -> Option<Vec<Window>> {
    within_patience(|display| display.windows())
}

/// Asks these processes to close their main windows; gives those that could be asked.
pub(crate) fn ask_to_close(pids: BTreeSet<u32>) -> BTreeSet<u32> {
    if pids.is_empty() {
        return pids;
    }
    within_patience(move |display| {
        let windows = display.windows()?;
        let theirs = windows.iter().filter(|it| it.is_main && it.closes && pids.contains(&it.pid));
        let mut asked = BTreeSet::new();
        for window in theirs {
            display.ask(window)?;
            asked.insert(window.pid);
        }
        // Answered only after all that was sent before: the requests have arrived.
        display.connection.get_input_focus()?.reply()?;
        Ok(asked)
    })
    .unwrap_or_default()
}

/// Works with the display in a thread of its own, which is left behind when the display does not answer.
fn within_patience<T: Send + 'static>(
    work: impl FnOnce(&Display) -> Result<T, Box<dyn Error>> + Send + 'static,
) -> Option<T> {
    std::env::var_os("DISPLAY").filter(|it| !it.is_empty())?;
    let (answer, answered) = mpsc::channel();
    let thread = std::thread::Builder::new().name("reseat-display".to_owned()).spawn(move || {
        let result = Display::open().and_then(|display| work(&display));
        // Nobody waits for it any more.
        let _ = answer.send(result.map_err(|error| error.to_string()));
    });
    match thread.map(|_| answered.recv_timeout(PATIENCE)) {
        Ok(Ok(Ok(found))) => Some(found),
        Ok(Ok(Err(error))) => {
            tracing::debug!(%error, "the display was not asked about windows");
            None
        }
        _ => {
            tracing::warn!("the display gives no answer");
            None
        }
    }
}

struct Display {
    connection: RustConnection,
    /// Process ids by the first of a connection's numbers.
    owners: HashMap<u32, u32>,
    atoms: Atoms,
}

struct Atoms {
    protocols: u32,
    delete_window: u32,
    state: u32,
    net_name: u32,
    window_type: u32,
    /// The types of windows that the shell has.
    shell_types: [u32; 2],
}

impl Display {
    fn open() -> Result<Display, Box<dyn Error>> {
        let (connection, _) = RustConnection::connect(None)?;
        let atom = |name: &str| -> Result<u32, Box<dyn Error>> {
            Ok(connection.intern_atom(false, name.as_bytes())?.reply()?.atom)
        };
        let atoms = Atoms {
            protocols: atom("WM_PROTOCOLS")?,
            delete_window: atom("WM_DELETE_WINDOW")?,
            state: atom("WM_STATE")?,
            net_name: atom("_NET_WM_NAME")?,
            window_type: atom("_NET_WM_WINDOW_TYPE")?,
            shell_types: [atom("_NET_WM_WINDOW_TYPE_DESKTOP")?, atom("_NET_WM_WINDOW_TYPE_DOCK")?],
        };
        connection.res_query_version(1, 2)?.reply()?;
        // No client in particular means all of them.
        let all = [ClientIdSpec { client: 0, mask: ClientIdMask::LOCAL_CLIENT_PID }];
        let ids = connection.res_query_client_ids(&all)?.reply()?.ids;
        let own = connection.setup().resource_id_base;
        let owners: HashMap<u32, u32> =
            ids.iter().filter_map(|it| Some((it.spec.client, *it.value.first()?))).collect();
        if owners.get(&own) != Some(&std::process::id()) {
            return Err("it numbers processes otherwise than we do".into());
        }
        Ok(Display { connection, owners, atoms })
    }

    fn owner(&self, window: u32) -> Option<u32> {
        self.owners.get(&(window & !self.connection.setup().resource_id_mask)).copied()
    }

    fn windows(&self) -> Result<Vec<Window>, Box<dyn Error>> {
        let mut found = Vec::new();
        let roots: Vec<u32> = self.connection.setup().roots.iter().map(|screen| screen.root).collect();
        for root in roots {
            for child in self.connection.query_tree(root)?.reply()?.children {
                if found.len() >= WINDOW_LIMIT {
                    break;
                }
                // One that is gone by now is none.
                if let Some(window) = self.beneath(child).and_then(|id| self.describe(id).ok().flatten()) {
                    found.push(window);
                }
            }
        }
        Ok(found)
    }

    /// The window itself, or the one that a window manager has put into this frame.
    fn beneath(&self, frame: u32) -> Option<u32> {
        let mut level = vec![frame];
        for _ in 0..=FRAME_LIMIT {
            for &window in &level {
                if self.property(window, self.atoms.state)?.value_len > 0 {
                    return Some(window);
                }
            }
            let trees = level.iter().map(|&it| self.connection.query_tree(it));
            let replies = trees.filter_map(|it| it.ok()?.reply().ok());
            level = replies.flat_map(|it| it.children).take(64).collect();
        }
        // Nobody manages it.
        Some(frame)
    }

    fn property(&self, window: u32, name: u32) -> Option<GetPropertyReply> {
        let request = self.connection.get_property(false, window, name, AtomEnum::ANY, 0, 1024);
        request.ok()?.reply().ok()
    }

    fn describe(&self, id: u32) -> Result<Option<Window>, Box<dyn Error>> {
        let Some(pid) = self.owner(id) else { return Ok(None) };
        let attributes = self.connection.get_window_attributes(id)?.reply()?;
        if attributes.class == WindowClass::INPUT_ONLY {
            return Ok(None);
        }
        let numbers = |name: u32| -> Vec<u32> {
            let reply = self.property(id, name);
            reply.and_then(|it| it.value32().map(Iterator::collect)).unwrap_or_default()
        };
        const ICONIC: u32 = 3;
        let is_shown =
            attributes.map_state != MapState::UNMAPPED || numbers(self.atoms.state).first() == Some(&ICONIC);
        let belongs_to_another =
            numbers(AtomEnum::WM_TRANSIENT_FOR.into()).first().is_some_and(|it| *it != 0);
        let types = numbers(self.atoms.window_type);
        let is_shell = types.iter().any(|it| self.atoms.shell_types.contains(it));
        Ok(Some(Window {
            pid,
            title: self.title(id),
            is_shown,
            is_shell,
            is_main: is_shown && !is_shell && !attributes.override_redirect && !belongs_to_another,
            closes: numbers(self.atoms.protocols).contains(&self.atoms.delete_window),
            id,
        }))
    }

    fn title(&self, id: u32) -> String {
        let text = |name: u32| self.property(id, name).map(|it| it.value).filter(|it| !it.is_empty());
        let title = match text(self.atoms.net_name) {
            Some(utf8) => String::from_utf8_lossy(&utf8).into_owned(),
            // In Latin-1, where it is a STRING; other encodings have their ASCII at least.
            None => text(AtomEnum::WM_NAME.into()).unwrap_or_default().into_iter().map(char::from).collect(),
        };
        title.chars().filter(|it| !it.is_control()).take(TITLE_LIMIT).collect()
    }

    fn ask(&self, window: &Window) -> Result<(), Box<dyn Error>> {
        const CURRENT_TIME: u32 = 0;
        let data = [self.atoms.delete_window, CURRENT_TIME, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window.id, self.atoms.protocols, data);
        self.connection.send_event(false, window.id, EventMask::NO_EVENT, event)?;
        Ok(())
    }
}
