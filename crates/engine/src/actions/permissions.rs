//! The LockPermissions and MsiLockPermissionsEx tables (pages `lockpermissions-table.md`, `msilockpermissionsex-table.md`).
//!
//! Everything in a prefix belongs to the user whose prefix it is; there are no other accounts that could be given or denied
//! anything. What the tables ask for is said in the log, and nothing else.

use reseat_package::{LockPermissions, MsiLockPermissionsEx};

use crate::error::EngineError;
use crate::log::service;
use crate::session::Session;

/// Says what is asked for.
///
/// # Errors
/// When a row or its condition is wrong.
pub fn note(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    for row in package.rows::<LockPermissions>()?.iter() {
        let user = session.format(&row.user).text;
        let domain = session.format(row.domain.as_deref().unwrap_or_default()).text;
        let separator = if domain.is_empty() { "" } else { "\\" };
        service!(
            "Permissions of {} {} for {domain}{separator}{user} ({:#x}) are not kept: a prefix has one user",
            row.table,
            row.object,
            row.permission.unwrap_or_default()
        );
    }
    for row in package.rows::<MsiLockPermissionsEx>()?.iter() {
        let condition = row.condition.as_deref().unwrap_or_default();
        if session.holds("MsiLockPermissionsEx", &row.key, condition)? {
            service!(
                "Permissions of {} {} ({}) are not kept: a prefix has one user",
                row.table,
                row.object,
                row.descriptor
            );
        }
    }
    Ok(())
}
