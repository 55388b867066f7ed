//! Statements that change the database, each in a file of its own. A statement that fails has changed
//! nothing.

pub mod alter_table;
pub mod create_table;
pub mod delete;
pub mod drop_table;
pub mod insert;
pub mod update;

use std::ops::Range;
use std::sync::Arc;

use super::names::Names;
use super::statement::{Constant, Expression, Name};
use super::step::Tables;
use super::{Parameter, SqlCause, SqlError, plan};
use crate::{Column, ColumnType, Table, Value};

/// A value that a statement puts into a column.
struct NewValue {
    column: usize,
    value: Value,
    /// The content, if the value is a stream.
    stream: Option<Arc<[u8]>>,
}

impl NewValue {
    fn new(
        table: &Arc<Table>,
        name: &Name,
        constant: &Constant,
        parameters: &[Parameter],
    ) -> Result<Self, SqlError> {
        let names = Names { tables: std::slice::from_ref(table), parameters };
        let unknown =
            || SqlError::new(SqlCause::UnknownColumn { column: name.text.clone() }, name.span.clone());
        let column = table.position(&name.text).ok_or_else(unknown)?;
        let definition = table.columns().get(column).ok_or_else(unknown)?;
        let value = names.value(constant, definition)?;
        check(&value, definition, constant.span.clone())?;
        Ok(Self { column, value, stream: names.stream(constant) })
    }
}

/// Whether a column can hold a value that has its type.
pub fn check(value: &Value, column: &Column, span: Range<usize>) -> Result<(), SqlError> {
    let name = || column.name.clone();
    let cause = match (value, column.kind) {
        (Value::Null, _) if !column.nullable => SqlCause::Null { column: name() },
        (&Value::Integer(number), ColumnType::Short) if !(-0x7FFF..=0x7FFF).contains(&number) => {
            SqlCause::OutOfRange { column: name(), number }
        }
        (&Value::Integer(number), ColumnType::Long) if number == i32::MIN => {
            SqlCause::OutOfRange { column: name(), number }
        }
        _ => return Ok(()),
    };
    Err(SqlError::new(cause, span))
}

/// The places of the rows of one table for which the condition holds, ascending.
pub fn matching(
    table: &Arc<Table>,
    condition: Option<&Expression>,
    parameters: &[Parameter],
) -> Result<Vec<usize>, SqlError> {
    let tables: Tables = Arc::new([table.clone()]);
    let rows = plan::matching(&tables, condition, &Names { tables: &tables, parameters })?;
    Ok(rows.filter_map(|tuple| tuple.first().copied()).collect())
}

/// The names of the streams of a table's rows.
fn stream_names(table: &Table, places: impl Iterator<Item = usize>) -> Vec<String> {
    let rows = places.filter_map(|place| table.row(place));
    rows.filter(|row| row.values().contains(&Value::Stream)).map(|row| row.stream_name()).collect()
}

fn unknown_table(name: &Name) -> SqlError {
    SqlError::new(SqlCause::UnknownTable { table: name.text.clone() }, name.span.clone())
}

fn read_only(name: &Name) -> SqlError {
    SqlError::new(SqlCause::ReadOnly { table: name.text.clone() }, name.span.clone())
}
