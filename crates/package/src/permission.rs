//! The LockPermissions and MsiLockPermissionsEx tables (pages `lockpermissions-table.md`,
//! `msilockpermissionsex-table.md`).

use crate::row::{Text, table_row};

table_row! {
    /// Who may do what with an object.
    LockPermissions = "LockPermissions" {
        /// The object, a key of the table below.
        object: Text = "LockObject",
        /// `File`, `Registry`, `CreateFolder` or `ServiceInstall`.
        table: Text = "Table",
        /// The user's domain, Formatted.
        domain: Option<Text> = "Domain",
        /// The user, Formatted.
        user: Text = "User",
        /// What the user may do; nothing is reading.
        permission: Option<i32> = "Permission",
    }
}

table_row! {
    /// Who may do what with an object, as a security descriptor.
    MsiLockPermissionsEx = "MsiLockPermissionsEx" {
        /// The row's key.
        key: Text = "MsiLockPermissionsEx",
        /// The object, a key of the table below.
        object: Text = "LockObject",
        /// `File`, `Registry`, `CreateFolder` or `ServiceInstall`.
        table: Text = "Table",
        /// The descriptor, FormattedSDDLText.
        descriptor: Text = "SDDLText",
        /// When it applies.
        condition: Option<Text> = "Condition",
    }
}
