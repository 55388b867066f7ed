//! Which session a handle stands for.
//!
//! Handles are small numbers that are never used twice by one process. A function holds on to the session
//! while it works, not to the table: while one thread shuts applications down, another may cancel that, list,
//! or end the session, also from within the status callback.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reseat_restart_manager::{CancelToken, Error, Primary, Secondary};

use crate::layout::{ERROR_INVALID_HANDLE, ERROR_SESSION_CREDENTIAL_CONFLICT, code};

/// What a handle stands for.
#[derive(Debug, Clone)]
enum Installer {
    Primary(Arc<Held>),
    Secondary(Arc<Secondary>),
}

/// A session that this process started.
#[derive(Debug)]
pub(crate) struct Held {
    /// Taken out when it ends.
    primary: Option<Primary>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many shutdowns and restarts go on.
    running: usize,
    cancel: CancelToken,
    ended: bool,
}

impl Held {
    /// The session.
    ///
    /// # Errors
    /// [`ERROR_INVALID_HANDLE`] when it has ended.
    pub(crate) fn primary(&self) -> Result<&Primary, u32> {
        self.primary.as_ref().ok_or(ERROR_INVALID_HANDLE)
    }

    /// Does what can be cancelled.
    pub(crate) fn operate(&self, work: impl FnOnce(&Primary) -> Result<(), Error>) -> u32 {
        let primary = match self.primary() {
            Ok(primary) => primary,
            Err(number) => return number,
        };
        {
            let mut state = lock(&self.state);
            if state.running == 0 {
                // A request that came when nothing went on does not count.
                state.cancel = primary.renew_cancel_token();
            }
            state.running += 1;
        }
        let result = work(primary);
        lock(&self.state).running -= 1;
        code(result)
    }

    /// Cancels what goes on.
    pub(crate) fn cancel(&self) {
        let state = lock(&self.state);
        if state.running > 0 {
            state.cancel.cancel();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It was ended while an operation went on, which has now come to its end. Nobody is left to be told.
        if lock(&self.state).ended
            && let Some(primary) = self.primary.take()
        {
            let _ = primary.end();
        }
    }
}

#[derive(Debug, Default)]
struct Table {
    last: u32,
    sessions: HashMap<u32, Installer>,
}

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn insert(installer: Installer) -> u32 {
    let mut table = lock(&TABLE);
    let table = table.get_or_insert_default();
    // 0 is no handle, as a caller's unset variable would be one.
    table.last = table.last.wrapping_add(1).max(1);
    table.sessions.insert(table.last, installer);
    table.last
}

fn find(handle: u32) -> Result<Installer, u32> {
    let table = lock(&TABLE);
    table.as_ref().and_then(|it| it.sessions.get(&handle)).cloned().ok_or(ERROR_INVALID_HANDLE)
}

/// Gives a session that was started a handle.
pub(crate) fn of_primary(primary: Primary) -> u32 {
    insert(Installer::Primary(Arc::new(Held { primary: Some(primary), state: Mutex::default() })))
}

/// Gives a session that was joined a handle.
pub(crate) fn of_secondary(secondary: Secondary) -> u32 {
    insert(Installer::Secondary(Arc::new(secondary)))
}

/// The session of this handle, for what only its primary installer may do.
///
/// # Errors
/// [`ERROR_INVALID_HANDLE`] without one; [`ERROR_SESSION_CREDENTIAL_CONFLICT`] for a secondary installer.
pub(crate) fn primary(handle: u32) -> Result<Arc<Held>, u32> {
    match find(handle)? {
        Installer::Primary(held) => Ok(held),
        Installer::Secondary(_) => Err(ERROR_SESSION_CREDENTIAL_CONFLICT),
    }
}

/// Registers with the session of this handle, whichever sort of installer it is.
pub(crate) fn register(handle: u32, resources: &reseat_restart_manager::Resources) -> u32 {
    match find(handle) {
        Ok(Installer::Primary(held)) => {
            held.primary().map_or_else(|it| it, |it| code(it.register(resources)))
        }
        Ok(Installer::Secondary(secondary)) => code(secondary.register(resources)),
        Err(number) => number,
    }
}

/// Ends the session of this handle, or leaves it as a secondary installer. An operation that goes on in
/// another thread is cancelled, and the session ends with it.
pub(crate) fn end(handle: u32) -> u32 {
    let removed = lock(&TABLE).as_mut().and_then(|it| it.sessions.remove(&handle));
    let held = match removed {
        Some(Installer::Primary(held)) => held,
        Some(Installer::Secondary(_)) => return code(Ok(())),
        None => return ERROR_INVALID_HANDLE,
    };
    held.cancel();
    // Before the handle is given up: whoever drops it last ends the session.
    match Arc::try_unwrap(held) {
        Ok(mut held) => held.primary.take().map_or(ERROR_INVALID_HANDLE, |it| code(it.end())),
        Err(shared) => {
            lock(&shared.state).ended = true;
            code(Ok(()))
        }
    }
}
