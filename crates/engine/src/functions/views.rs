//! The functions about views (page `database-functions.md`).

use reseat_database::Database;
use reseat_database::record::{Field, Record};
use reseat_database::sql::{CursorError, Mode, SqlError};
use reseat_package::Condition;

use super::arguments::{Answer, Arguments, done, returns, values};
use super::code::Code;
use super::general::{ActiveDatabase, General};
use super::handles::{DatabaseHandle, Object};
use super::{FunctionAnswer, Value};
use crate::database_message::{of_cursor, of_query};

/// Carries out a function about views.
pub fn call(
    general: &mut General<'_>,
    name: &str,
    arguments: Arguments<'_>,
    active: &mut dyn ActiveDatabase,
) -> Option<Answer> {
    Some(match name {
        "MsiViewExecute" => execute(general, arguments, active),
        "MsiViewFetch" => fetch(general, arguments, active),
        "MsiViewModify" => modify(general, arguments, active),
        "MsiViewGetColumnInfo" => column_info(general, arguments),
        "MsiViewGetError" => error(general, arguments),
        "MsiViewClose" => close(general, arguments),
        _ => return None,
    })
}

/// The database that a handle stands for.
pub fn database<'d>(
    handle: &'d DatabaseHandle,
    active: &'d dyn ActiveDatabase,
) -> Result<&'d Database, Code> {
    match handle {
        DatabaseHandle::Active => active.read().ok_or(Code::INVALID_HANDLE),
        DatabaseHandle::Opened(database) => Ok(database),
    }
}

fn execute(general: &mut General<'_>, arguments: Arguments<'_>, active: &mut dyn ActiveDatabase) -> Answer {
    let view = arguments.handle(0)?;
    let parameters = general.handles.record_or_none(arguments.handle(1)?)?;
    let (handle, cursor) = general.handles.view(view)?;
    let result = if cursor.has_result() {
        cursor.select(database(&handle, active)?, &parameters)
    } else {
        match handle {
            DatabaseHandle::Active => {
                cursor.execute(active.write().ok_or(Code::INVALID_HANDLE)?, &parameters)
            }
            // What was opened to be read is not changed.
            DatabaseHandle::Opened(_) => Err(CursorError::Denied { what: "the database".to_owned() }),
        }
    };
    match result {
        Ok(()) => done(),
        Err(error) => {
            remember(general, &error, active);
            Err(Code::FUNCTION_FAILED)
        }
    }
}

fn fetch(general: &mut General<'_>, arguments: Arguments<'_>, active: &mut dyn ActiveDatabase) -> Answer {
    let (handle, cursor) = general.handles.view(arguments.handle(0)?)?;
    match cursor.fetch(database(&handle, active)?) {
        Ok(Some(record)) => general.output(Object::Record(Box::new(record))),
        Ok(None) => Err(Code::NO_MORE_ITEMS),
        Err(error) => {
            let code = code(&error);
            remember(general, &error, active);
            Err(code)
        }
    }
}

fn modify(general: &mut General<'_>, arguments: Arguments<'_>, active: &mut dyn ActiveDatabase) -> Answer {
    let (view, record_handle) = (arguments.handle(0)?, arguments.handle(2)?);
    let mode = Mode::of_number(arguments.int(1)?).ok_or(Code::INVALID_PARAMETER)?;
    let mut record = general.handles.record(record_handle)?.clone();
    let condition = |text: &str| Condition::parse(text).err().map(|error| error.to_string());
    let (handle, cursor) = general.handles.view(view)?;
    let result = match handle {
        DatabaseHandle::Active if mode.changes() => {
            let database = active.write().ok_or(Code::INVALID_HANDLE)?;
            cursor.modify(database, mode, &mut record, &condition)
        }
        handle => {
            // Nothing is changed, or may be: a copy costs little, as it shares its tables.
            let mut copy = database(&handle, active)?.clone();
            cursor.modify(&mut copy, mode, &mut record, &condition)
        }
    };
    match result {
        Ok(()) => {
            *general.handles.record(record_handle)? = record;
            done()
        }
        Err(error) => {
            let code = code(&error);
            remember(general, &error, active);
            Err(code)
        }
    }
}

/// MSICOLINFO_NAMES is 0, MSICOLINFO_TYPES 1.
fn column_info(general: &mut General<'_>, arguments: Arguments<'_>) -> Answer {
    let (_, cursor) = general.handles.view(arguments.handle(0)?)?;
    let wanted = arguments.int(1)?;
    let fields: Vec<Field> = match wanted {
        0 => cursor.columns().iter().map(|column| Field::Text(column.name.clone())).collect(),
        1 => cursor.columns().iter().map(|column| Field::Text(column.definition())).collect(),
        _ => return Err(Code::INVALID_PARAMETER),
    };
    general.output(Object::Record(Box::new(Record::of(fields))))
}

/// Answers with the column of the next error, and returns its number; 0 when there is none left.
fn error(general: &mut General<'_>, arguments: Arguments<'_>) -> Answer {
    let (_, cursor) = general.handles.view(arguments.handle(0)?)?;
    Ok(match cursor.take_error() {
        None => FunctionAnswer { code: 0, values: vec![Value::from("")] },
        Some(finding) => FunctionAnswer {
            code: finding.rule.number(),
            values: vec![finding.column.unwrap_or_default().into()],
        },
    })
}

fn close(general: &mut General<'_>, arguments: Arguments<'_>) -> Answer {
    let (_, cursor) = general.handles.view(arguments.handle(0)?)?;
    // A view that was never executed is closed already.
    let _ = cursor.close();
    done()
}

fn code(error: &CursorError) -> Code {
    match error {
        CursorError::NotExecuted => Code::INVALID_HANDLE_STATE,
        CursorError::Invalid => Code::INVALID_DATA,
        CursorError::Denied { .. } => Code::ACCESS_DENIED,
        CursorError::Value { .. } => Code::INVALID_DATA,
        _ => Code::FUNCTION_FAILED,
    }
}

fn remember(general: &mut General<'_>, error: &CursorError, active: &dyn ActiveDatabase) {
    let path = active.path();
    tracing::debug!("view: {error}");
    if let Some(message) = of_cursor(error, &path) {
        general.fail(&message);
    }
}

/// Remembers what is wrong with a query.
pub fn remember_sql(general: &mut General<'_>, error: &SqlError, query: &str, path: String) {
    tracing::debug!("query '{query}': {error}");
    if let Some(message) = of_query(error, query, &path) {
        general.fail(&message);
    }
}

/// The answer of a function that says whether a condition holds, or a table is stored.
pub fn condition(holds: Option<bool>) -> Answer {
    const FALSE: i32 = 0;
    const TRUE: i32 = 1;
    const NONE: i32 = 2;
    returns(match holds {
        Some(false) => FALSE,
        Some(true) => TRUE,
        None => NONE,
    })
}

/// A record of names as an output.
pub fn names(general: &mut General<'_>, title: &str, names: Vec<String>) -> Answer {
    let mut record = Record::of(names.into_iter().map(Field::Text));
    record.set(0, Field::Text(title.to_owned())).map_err(|_| Code::FUNCTION_FAILED)?;
    let handle = general.handles.add(Object::Record(Box::new(record)))?;
    values([handle.into()])
}
