//! Views as the functions of the installer know them: opened, executed with a record, fetched from, modified through.
//!
//! Documented on the pages `working-with-queries.md` and `database-functions.md`, and those of MsiDatabaseOpenView,
//! MsiViewExecute, MsiViewFetch, MsiViewClose, MsiViewGetColumnInfo and MsiViewGetError. MsiViewModify is in `modify`,
//! what may be changed in `access`.

mod access;
mod error;
mod modify;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

pub use access::Access;
pub use error::CursorError;
pub use modify::Mode;

use super::names::Names;
use super::rows::{ResultColumn, ResultRow, Rows, result_column};
use super::statement::{ColumnName, Expression, Name, Select, Statement};
use super::{SqlCause, SqlError, View, plan, relations};
use crate::record::{Field, Origin, Record};
use crate::validate::Finding;
use crate::{Database, Value};

/// A view that is open on a database, which every call has to be given again.
pub struct Cursor {
    view: View,
    /// Tells records of this view from those of others.
    number: u64,
    access: Access,
    columns: Vec<ResultColumn>,
    /// For each column of the result the table, by its place in the query, and the column in it.
    places: Vec<(usize, usize)>,
    state: State,
    /// The keys of the row that was fetched last.
    current: Option<Vec<Vec<Value>>>,
    errors: VecDeque<Finding>,
}

enum State {
    /// Not executed yet, or closed.
    Idle,
    Executed(Rows),
}

static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

impl Cursor {
    /// Reads a query and looks up its names.
    ///
    /// # Errors
    /// When it is not in the dialect, or a table or column is not there.
    pub fn open(database: &Database, query: &str, access: Access) -> Result<Self, SqlError> {
        let view = View::open(query)?;
        check(database, &view.statement)?;
        let (mut columns, mut places) = (Vec::new(), Vec::new());
        if let Statement::Select(select) = &view.statement {
            let tables = plan::tables(database, select)?;
            for place in plan::columns(select, &Names { tables: &tables, parameters: &[] })? {
                columns.extend(result_column(&tables, place));
                places.push((place.table, place.column));
            }
        }
        Ok(Self {
            view,
            number: LAST_NUMBER.fetch_add(1, Ordering::Relaxed),
            access,
            columns,
            places,
            state: State::Idle,
            current: None,
            errors: VecDeque::new(),
        })
    }

    /// Whether it has a result: it is a SELECT.
    pub fn has_result(&self) -> bool {
        self.view.is_select()
    }

    /// The columns of the result; none for a statement that changes something.
    pub fn columns(&self) -> &[ResultColumn] {
        &self.columns
    }

    /// Executes the query; the fields of the record stand for its markers.
    ///
    /// # Errors
    /// As for [`View::execute`]; and when the statement changes what may not be changed.
    pub fn execute(&mut self, database: &mut Database, parameters: &Record) -> Result<(), CursorError> {
        let parameters = parameters.parameters()?;
        access::check(database, self.access, &self.view.statement, &parameters)?;
        self.current = None;
        self.state = State::Executed(self.view.execute(database, &parameters)?);
        Ok(())
    }

    /// Executes a SELECT, which changes nothing; the fields of the record stand for its markers.
    ///
    /// # Errors
    /// As for [`View::select`].
    pub fn select(&mut self, database: &Database, parameters: &Record) -> Result<(), CursorError> {
        let parameters = parameters.parameters()?;
        self.current = None;
        self.state = State::Executed(self.view.select(database, &parameters)?);
        Ok(())
    }

    /// The next row of the result; nothing at its end.
    ///
    /// # Errors
    /// When the view was not executed, or a stream cannot be read.
    pub fn fetch(&mut self, database: &Database) -> Result<Option<Record>, CursorError> {
        let State::Executed(rows) = &mut self.state else { return Err(CursorError::NotExecuted) };
        let Some((row, keys)) = rows.next_with_keys() else {
            self.current = None;
            return Ok(None);
        };
        let mut record = record(database, &row)?;
        record.origin = Some(Origin { view: self.number, keys: keys.clone() });
        self.current = Some(keys);
        Ok(Some(record))
    }

    /// Ends the execution; the view can be executed again.
    ///
    /// # Errors
    /// When it was not executed.
    pub fn close(&mut self) -> Result<(), CursorError> {
        self.current = None;
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => Err(CursorError::NotExecuted),
            State::Executed(_) => Ok(()),
        }
    }

    /// Takes the next thing that the last validation has found wrong.
    pub fn take_error(&mut self) -> Option<Finding> {
        self.errors.pop_front()
    }

    fn statement(&self) -> Result<&Select, CursorError> {
        match (&self.view.statement, &self.state) {
            (Statement::Select(select), State::Executed(_)) => Ok(select),
            (Statement::Select(_), State::Idle) => Err(CursorError::NotExecuted),
            _ => Err(CursorError::NoResult),
        }
    }
}

/// The row of a result as a record.
fn record(database: &Database, row: &ResultRow) -> Result<Record, CursorError> {
    let field = |(column, value): (usize, &Value)| {
        Ok(match value {
            Value::Null => Field::Null,
            Value::Integer(number) => Field::Integer(*number),
            Value::Text(text) => Field::Text(text.to_string()),
            Value::Stream => {
                let stream = row.stream_name(column).map(|name| database.stream(name)).transpose()?;
                stream.flatten().map_or(Field::Null, Field::Stream)
            }
        })
    };
    let fields = row.values().iter().enumerate().map(field).collect::<Result<Vec<_>, CursorError>>()?;
    Ok(Record::of(fields))
}

/// Looks up the names of a statement, which on execution would be too late to call it a wrong query.
fn check(database: &Database, statement: &Statement) -> Result<(), SqlError> {
    let table_columns = |table: &Name, columns: &[&Name], condition: Option<&Expression>| {
        let found = relations::table(database, table)?;
        if let Some(column) = columns.iter().find(|column| found.position(&column.text).is_none()) {
            let cause = SqlCause::UnknownColumn { column: column.text.clone() };
            return Err(SqlError::new(cause, column.span.clone()));
        }
        let tables = [found];
        names(condition, &Names { tables: &tables, parameters: &[] })
    };
    match statement {
        Statement::Select(select) => {
            let tables = plan::tables(database, select)?;
            let known = Names { tables: &tables, parameters: &[] };
            select.order.iter().try_for_each(|column| known.place(column).map(drop))?;
            names(select.condition.as_ref(), &known)
        }
        Statement::Insert(insert) => {
            table_columns(&insert.table, &insert.columns.iter().collect::<Vec<_>>(), None)
        }
        Statement::Update(update) => {
            let tables: Vec<_> = update
                .tables
                .iter()
                .map(|name| relations::table(database, name))
                .collect::<Result<_, _>>()?;
            let known = Names { tables: &tables, parameters: &[] };
            update.changes.iter().try_for_each(|(column, _)| known.place(column).map(drop))?;
            names(update.condition.as_ref(), &known)
        }
        Statement::Delete(delete) => table_columns(&delete.table, &[], delete.condition.as_ref()),
        Statement::Drop(table) | Statement::Alter { table, .. } => table_columns(table, &[], None),
        Statement::Create(_) => Ok(()),
    }
}

fn names(condition: Option<&Expression>, known: &Names<'_>) -> Result<(), SqlError> {
    let place = |column: &ColumnName| known.place(column).map(drop);
    match condition {
        None => Ok(()),
        Some(Expression::And(parts) | Expression::Or(parts)) => {
            parts.iter().try_for_each(|part| names(Some(part), known))
        }
        Some(Expression::Null { column, .. } | Expression::Constant { column, .. }) => place(column),
        Some(Expression::Columns { left, right, .. }) => place(left).and_then(|()| place(right)),
    }
}

#[cfg(test)]
mod tests;
