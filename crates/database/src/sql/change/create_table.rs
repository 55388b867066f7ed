//! CREATE TABLE.

use super::super::relations;
use super::super::statement::{ColumnDefinition, CreateTable};
use super::super::{SqlCause, SqlError};
use super::read_only;
use crate::{Column, ColumnType, Database, Table};

/// Characters in the name of a table (page `table-names.md`).
const LONGEST_NAME: usize = 31;

pub fn create(database: &mut Database, create: &CreateTable) -> Result<(), SqlError> {
    let name = &create.table;
    if relations::is_system(&name.text) {
        return Err(read_only(name));
    }
    if database.columns(&name.text).is_some() {
        let cause = SqlCause::TableExists { table: name.text.clone() };
        return Err(SqlError::new(cause, name.span.clone()));
    }
    let length = name.text.chars().count();
    if length > LONGEST_NAME {
        let cause = SqlCause::LongName { length, limit: LONGEST_NAME };
        return Err(SqlError::new(cause, name.span.clone()));
    }
    let mut columns: Vec<Column> = Vec::with_capacity(create.columns.len());
    let mut persistent = 0;
    for definition in &create.columns {
        follows(definition, &columns, persistent == columns.len())?;
        columns.push(definition.column.clone());
        persistent += usize::from(!definition.temporary);
    }
    for (place, key) in create.keys.iter().enumerate() {
        match columns.get_mut(place) {
            Some(column) if column.name == key.text => column.key = true,
            _ => return Err(SqlError::new(SqlCause::KeyOrder, key.span.clone())),
        }
    }
    let mut table = Table::new(name.text.as_str(), columns);
    table.set_persistent(persistent);
    database.put_table(table);
    if create.hold {
        database.hold(&name.text);
    }
    Ok(())
}

/// Whether a column can follow those before it, of which all are stored or not.
pub fn follows(definition: &ColumnDefinition, before: &[Column], all_stored: bool) -> Result<(), SqlError> {
    let (column, is_stream) = (&definition.column, |column: &Column| column.kind == ColumnType::Stream);
    let cause = if before.iter().any(|other| other.name == column.name) {
        SqlCause::Duplicate { name: column.name.clone() }
    } else if is_stream(column) && before.iter().any(is_stream) {
        SqlCause::SecondStream
    } else if !definition.temporary && !all_stored {
        SqlCause::TemporaryOrder
    } else {
        return Ok(());
    };
    Err(SqlError::new(cause, definition.span.clone()))
}
