//! The functions about databases (page `database-functions.md`).
//!
//! A custom action sees the database of the package that is being installed, and may open other packages to read them.
//! Changing files on disk is not for custom actions (page `functions-not-for-use-in-custom-actions.md`).

use std::path::PathBuf;
use std::rc::Rc;

use reseat_database::sql::{Access, Cursor};
use reseat_database::{Database, Reading};
use reseat_machine::{Machine, WindowsPath};

use super::arguments::{Answer, Arguments, done, returns};
use super::code::Code;
use super::general::{ActiveDatabase, General};
use super::handles::{DatabaseHandle, Object};
use super::{Value, summaries, views};
use crate::numbered_message::NumberedMessage;

/// Carries out a function about databases.
pub fn call(
    general: &mut General<'_>,
    name: &str,
    arguments: Arguments<'_>,
    active: &mut dyn ActiveDatabase,
) -> Option<Answer> {
    Some(match name {
        "MsiOpenDatabase" => open(general, arguments, active),
        "MsiDatabaseOpenView" => open_view(general, arguments, active),
        "MsiDatabaseGetPrimaryKeys" => primary_keys(general, arguments, active),
        "MsiDatabaseIsTablePersistent" => is_persistent(general, arguments, active),
        // What an action may change is never stored.
        "MsiDatabaseCommit" => {
            arguments.handle(0).and_then(|it| general.handles.database(it)).and_then(|_| done())
        }
        // MSIDBSTATE_READ.
        "MsiGetDatabaseState" => {
            arguments.handle(0).and_then(|it| general.handles.database(it)).and_then(|_| returns(0))
        }
        "MsiGetSummaryInformation" => summary(general, arguments, active),
        _ => return None,
    })
}

/// Where a package lies that an action names: on the machine, or as the installer itself has named it.
fn locate(machine: &Machine, path: &str) -> Result<PathBuf, Code> {
    if path.starts_with('/') {
        return Ok(PathBuf::from(path));
    }
    let path = WindowsPath::parse(path).map_err(|_| Code::OPEN_FAILED)?;
    machine.unix_path(&path).map_err(|_| Code::OPEN_FAILED)
}

fn read(general: &General<'_>, path: &str, active: &dyn ActiveDatabase) -> Result<Database, Code> {
    // A path of this machine is known to an action only by the property that names the package.
    if path.starts_with('/') && path != active.path() {
        return Err(Code::OPEN_FAILED);
    }
    let path = locate(general.machine, path)?;
    Database::open(&path, Reading::Permissive).map_err(|error| {
        tracing::debug!("{}: {error}", path.display());
        Code::OPEN_FAILED
    })
}

/// The manner of opening is a number in the place of a text; MSIDBOPEN_READONLY is a null pointer.
fn open(general: &mut General<'_>, arguments: Arguments<'_>, active: &dyn ActiveDatabase) -> Answer {
    let path = arguments.name(0)?;
    if !matches!(arguments.0.get(1), None | Some(Value::Null | Value::Int(0))) {
        return Err(Code::ACCESS_DENIED);
    }
    match read(general, path, active) {
        Ok(database) => general.output(Object::Database(DatabaseHandle::Opened(Rc::new(database)))),
        Err(code) => {
            general.fail(&NumberedMessage::new(2203, [path.to_owned(), "110".to_owned()]));
            Err(code)
        }
    }
}

fn open_view(general: &mut General<'_>, arguments: Arguments<'_>, active: &dyn ActiveDatabase) -> Answer {
    let handle = general.handles.database(arguments.handle(0)?)?;
    let query = arguments.text(1)?.unwrap_or_default();
    let access = match handle {
        DatabaseHandle::Active => Access::Temporary,
        DatabaseHandle::Opened(_) => Access::Read,
    };
    match Cursor::open(views::database(&handle, active)?, query, access) {
        Ok(cursor) => general.output(Object::View(handle, Box::new(cursor))),
        Err(error) => {
            views::remember_sql(general, &error, query, active.path());
            Err(Code::BAD_QUERY_SYNTAX)
        }
    }
}

fn primary_keys(general: &mut General<'_>, arguments: Arguments<'_>, active: &dyn ActiveDatabase) -> Answer {
    let handle = general.handles.database(arguments.handle(0)?)?;
    let table = arguments.name(1)?;
    let columns = views::database(&handle, active)?.columns(table).ok_or(Code::INVALID_TABLE)?;
    let keys = columns.into_iter().take_while(|column| column.key).map(|column| column.name).collect();
    views::names(general, table, keys)
}

fn is_persistent(general: &General<'_>, arguments: Arguments<'_>, active: &dyn ActiveDatabase) -> Answer {
    let handle = general.handles.database(arguments.handle(0)?)?;
    let table = arguments.name(1)?;
    views::condition(views::database(&handle, active)?.is_persistent(table))
}

/// A path in place of a database opens the package only for this.
fn summary(general: &mut General<'_>, arguments: Arguments<'_>, active: &dyn ActiveDatabase) -> Answer {
    let summary = match (arguments.handle(0)?, arguments.text(1)?.filter(|path| !path.is_empty())) {
        (0, Some(path)) => read(general, path, active)?.summary(),
        (0, None) => return Err(Code::INVALID_PARAMETER),
        (handle, _) => views::database(&general.handles.database(handle)?, active)?.summary(),
    };
    let summary = summary.map_err(|_| Code::FUNCTION_FAILED)?;
    // Properties that are to be changed are counted; nothing is changed here.
    if arguments.int(2).is_ok_and(|changes| changes > 0) {
        return Err(Code::ACCESS_DENIED);
    }
    summaries::open(general, summary)
}
