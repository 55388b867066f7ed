//! RmStartSession, RmJoinSession and RmEndSession.

#![allow(unsafe_code, reason = "writes to where the caller points")]

use reseat_restart_manager::{Primary, Secondary, SessionKey};

use crate::handle;
use crate::layout::{ERROR_BAD_ARGUMENTS, ERROR_SESSION_CREDENTIAL_CONFLICT, number};
use crate::text;

/// CCH_RM_SESSION_KEY and its zero.
const KEY: usize = 32 + 1;

/// Starts a session (the page RmStartSession).
///
/// # Errors
/// 29, 121, 353; 160 for a null pointer, or flags, which are reserved.
///
/// # Safety
/// `handle` is null or can be written to; `key` is null or has room for 33 units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmStartSession(handle: *mut u32, flags: u32, key: *mut u16) -> u32 {
    let start = || {
        if handle.is_null() || key.is_null() || flags != 0 {
            return Err(ERROR_BAD_ARGUMENTS);
        }
        let primary = Primary::start().map_err(|error| error.code())?;
        let text: [u16; KEY] = text::fixed(primary.key().as_str());
        // SAFETY: neither is null, and the caller promises the room.
        unsafe {
            key.cast::<[u16; KEY]>().write_unaligned(text);
            handle.write_unaligned(handle::of_primary(primary));
        }
        Ok(())
    };
    number(start())
}

/// Joins a session by its key, as a secondary installer (the page RmJoinSession).
///
/// # Errors
/// 1219 for a key that is none, or that of no session of this user; 29; 160 for a null pointer.
///
/// # Safety
/// `handle` is null or can be written to; `key` is null or a string with an end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmJoinSession(handle: *mut u32, key: *const u16) -> u32 {
    let join = || {
        if handle.is_null() || key.is_null() {
            return Err(ERROR_BAD_ARGUMENTS);
        }
        // SAFETY: as the caller promises.
        let text = unsafe { text::read(key) }.ok_or(ERROR_SESSION_CREDENTIAL_CONFLICT)?;
        let key: SessionKey = text.parse().map_err(|_| ERROR_SESSION_CREDENTIAL_CONFLICT)?;
        let secondary = Secondary::join(&key).map_err(|error| error.code())?;
        // SAFETY: not null, and the caller promises the room.
        unsafe { handle.write_unaligned(handle::of_secondary(secondary)) };
        Ok(())
    };
    number(join())
}

/// Ends a session, or leaves one that was joined (the page RmEndSession).
///
/// # Errors
/// 6 without such a session; 29.
#[unsafe(no_mangle)]
pub extern "C" fn RmEndSession(handle: u32) -> u32 {
    handle::end(handle)
}
