//! The LockPermissions and MsiLockPermissionsEx tables (pages `lockpermissions-table.md`, `msilockpermissionsex-table.md`).
//!
//! Everything in a prefix belongs to the user whose prefix it is; there are no other accounts that could be given or denied
//! anything. What the tables ask for is said in the log. What is wrong with them ends the installation as documented, but for
//! an account that a Windows in English would not have by itself: that is a warning, for nothing here needs the account.

use std::collections::{BTreeMap, HashMap};

use reseat_package::{
    CreateFolder, FileRow, LockPermissions, MsiLockPermissionsEx, RegistryRow, SecurityDescriptor,
    SecurityDescriptorError, ServiceInstall,
};

use crate::error::EngineError;
use crate::log::service;
use crate::numbered_message::NumberedMessage;
use crate::selection::Doing;
use crate::session::Session;

/// What is wrong with the tables.
#[derive(Debug, thiserror::Error)]
pub enum PermissionFault {
    /// Both have rows (1941).
    #[error("the package has both tables LockPermissions and MsiLockPermissionsEx")]
    BothTables,
    /// Two rows for one object apply (1942).
    #[error("table MsiLockPermissionsEx, rows {}: both are for {object} of the table {table}", .rows.join(", "))]
    TwoConditions {
        /// The keys of the rows.
        rows: [String; 2],
        /// Their conditions.
        conditions: [String; 2],
        /// The object.
        object: String,
        /// The table that it is in.
        table: String,
    },
    /// A text that is no security descriptor (1943).
    #[error("table MsiLockPermissionsEx, row {row}")]
    Descriptor {
        /// The row's key.
        row: String,
        /// The text, with its references resolved.
        text: String,
        /// The object.
        object: String,
        /// The table that it is in.
        table: String,
        /// What is wrong with it.
        #[source]
        source: SecurityDescriptorError,
    },
}

impl PermissionFault {
    /// The documented message.
    pub(crate) fn message(&self) -> NumberedMessage {
        let message = |number, fields: &[&str]| {
            NumberedMessage::new(number, fields.iter().map(|field| (*field).to_owned()))
        };
        match self {
            Self::BothTables => message(1941, &[]),
            Self::TwoConditions { conditions: [one, other], object, table, .. } => {
                message(1942, &[one, other, object, table])
            }
            Self::Descriptor { text, object, table, .. } => message(1943, &[text, object, table]),
        }
    }
}

/// Accounts that every Windows in English has, in small letters.
const ACCOUNTS: &[&str] = &[
    "administrator",
    "administrators",
    "all application packages",
    "anonymous logon",
    "authenticated users",
    "backup operators",
    "batch",
    "creator group",
    "creator owner",
    "everyone",
    "guest",
    "guests",
    "iis_iusrs",
    "interactive",
    "local service",
    "localservice",
    "localsystem",
    "network",
    "network configuration operators",
    "network service",
    "networkservice",
    "owner rights",
    "power users",
    "remote desktop users",
    "restricted",
    "service",
    "system",
    "trustedinstaller",
    "users",
];

/// The domains of these accounts, and of the user.
const DOMAINS: &[&str] = &["", ".", "builtin", "nt authority", "nt service"];

/// Checks what is asked for, and says it.
///
/// # Errors
/// When a row or its condition is wrong, or both tables are there.
pub fn note(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if !session.selection.as_ref().is_some_and(|selection| selection.installs_something()) {
        return Ok(());
    }
    let package = session.package.clone();
    let folders = package.rows::<CreateFolder>()?;
    let created = folders.group_by(|row| &row.directory);
    let plain = package.rows::<LockPermissions>()?;
    for row in plain.iter() {
        if !is_installed(session, &created, &row.table, &row.object)? {
            continue;
        }
        let user = session.format(&row.user).text;
        let domain = session.format(row.domain.as_deref().unwrap_or_default()).text;
        let account = if domain.is_empty() { user } else { format!(r"{domain}\{user}") };
        let right = row.permission.unwrap_or_default();
        service!(
            "Permissions of {} {} for {account} ({right:#x}) are not kept: a prefix has one user",
            row.table,
            row.object,
        );
        warn_of_unknown(session, &account, "LockPermissions", &row.object);
    }
    // An older installer does not know the other table.
    if session.installation.request.platform.installer.major < 5 {
        return Ok(());
    }
    let described = package.rows::<MsiLockPermissionsEx>()?;
    if !plain.is_empty() && !described.is_empty() {
        return Err(Box::new(PermissionFault::BothTables).into());
    }
    let mut applied: BTreeMap<(&str, &str), &MsiLockPermissionsEx> = BTreeMap::new();
    for row in described.iter() {
        let condition = row.condition.as_deref().unwrap_or_default();
        if !is_installed(session, &created, &row.table, &row.object)?
            || !session.holds("MsiLockPermissionsEx", &row.key, condition)?
        {
            continue;
        }
        if let Some(other) = applied.insert((&row.table, &row.object), row) {
            let both = [other, row];
            return Err(Box::new(PermissionFault::TwoConditions {
                rows: both.map(|row| row.key.to_string()),
                conditions: both.map(|row| row.condition.as_deref().unwrap_or_default().to_owned()),
                object: row.object.to_string(),
                table: row.table.to_string(),
            })
            .into());
        }
        let text = session.format(&row.descriptor).text;
        let descriptor = SecurityDescriptor::parse(&text).map_err(|source| {
            Box::new(PermissionFault::Descriptor {
                row: row.key.to_string(),
                text: text.clone(),
                object: row.object.to_string(),
                table: row.table.to_string(),
                source,
            })
        })?;
        service!("Permissions of {} {} ({text}) are not kept: a prefix has one user", row.table, row.object);
        for account in descriptor.accounts() {
            warn_of_unknown(session, account, "MsiLockPermissionsEx", &row.key);
        }
    }
    Ok(())
}

/// Whether an object is installed now: permissions are set then, and at no other time.
fn is_installed(
    session: &Session<'_, '_>,
    created: &HashMap<&str, Vec<&CreateFolder>>,
    table: &str,
    object: &str,
) -> Result<bool, EngineError> {
    let package = &session.package;
    let selection = session.selection()?;
    let installs = |component: &str| selection.does(component, Doing::Install);
    Ok(match table {
        "File" => package.find::<FileRow>(object)?.is_some_and(|row| installs(&row.component)),
        "Registry" => package.find::<RegistryRow>(object)?.is_some_and(|row| installs(&row.component)),
        "ServiceInstall" => {
            package.find::<ServiceInstall>(object)?.is_some_and(|row| installs(&row.component))
        }
        "CreateFolder" => {
            created.get(object).is_some_and(|rows| rows.iter().any(|row| installs(&row.component)))
        }
        _ => false,
    })
}

/// Warns of an account that is neither the user's nor one that every Windows has.
fn warn_of_unknown(session: &mut Session<'_, '_>, account: &str, table: &str, row: &str) {
    let (domain, user) = account.rsplit_once('\\').unwrap_or_default();
    let user = if domain.is_empty() { account.trim_start_matches('\\') } else { user };
    let is_own = |name: &str, properties: &[&str]| {
        properties
            .iter()
            .any(|property| session.property(property).is_some_and(|value| value.to_lowercase() == name))
    };
    let (domain, user) = (domain.to_lowercase(), user.to_lowercase());
    let is_known = (DOMAINS.contains(&domain.as_str()) || is_own(&domain, &["ComputerName"]))
        && (ACCOUNTS.contains(&user.as_str()) || is_own(&user, &["LogonUser", "USERNAME"]));
    if !is_known {
        session.warn(1609, &[account], &format!("table {table}, row {row}"));
    }
}
