//! INSERT: a new row.

use super::super::relations::{self, STREAMS};
use super::super::statement::Insert;
use super::super::{Parameter, SqlCause, SqlError};
use super::{NewValue, check, read_only, unknown_table};
use crate::{Database, Stream, Value};

pub fn insert(database: &mut Database, insert: &Insert, parameters: &[Parameter]) -> Result<(), SqlError> {
    let name = &insert.table;
    let table = relations::table(database, name)?;
    let (values, columns) = (insert.values.len(), insert.columns.len());
    if values != columns {
        return Err(SqlError::new(SqlCause::ValueCount { values, columns }, insert.values_span.clone()));
    }
    let mut row = vec![Value::Null; table.columns().len()];
    let mut set = vec![false; row.len()];
    let mut content = None;
    for (column, constant) in insert.columns.iter().zip(&insert.values) {
        let new = NewValue::new(&table, column, constant, parameters)?;
        if set.get(new.column) == Some(&true) {
            let cause = SqlCause::Duplicate { name: column.text.clone() };
            return Err(SqlError::new(cause, column.span.clone()));
        }
        if let (Some(value), Some(set)) = (row.get_mut(new.column), set.get_mut(new.column)) {
            (*value, *set) = (new.value, true);
        }
        content = new.stream.or(content);
    }
    for (value, column) in row.iter().zip(table.columns()) {
        check(value, column, insert.values_span.clone())?;
    }
    let keys = table.columns().iter().take_while(|column| column.key).count();
    if let Some(there) = row.get(..keys).and_then(|key| table.find(key)) {
        return Err(SqlError::new(SqlCause::DuplicateKey { key: there.key() }, insert.values_span.clone()));
    }
    drop(table);

    let stream = if name.text == STREAMS {
        row.first().and_then(Value::as_text).map(str::to_owned)
    } else if relations::is_system(&name.text) {
        return Err(read_only(name));
    } else {
        let table = database.table_mut(&name.text).ok_or_else(|| unknown_table(name))?;
        table.insert(row, insert.temporary);
        table.rows().next_back().map(|row| row.stream_name())
    };
    if let (Some(stream), Some(content)) = (stream, content) {
        database.put_stream_from(&stream, Stream::from_bytes(content));
    }
    Ok(())
}
