//! UPDATE: other values in rows that are there.

use super::super::relations::{self, STREAMS};
use super::super::statement::Update;
use super::super::{Parameter, SqlCause, SqlError};
use super::{NewValue, matching, read_only, unknown_table};
use crate::{ColumnType, Database, Stream};

pub fn update(database: &mut Database, update: &Update, parameters: &[Parameter]) -> Result<(), SqlError> {
    let name = &update.table;
    let table = relations::table(database, name)?;
    let mut changes = Vec::with_capacity(update.changes.len());
    for (column, constant) in &update.changes {
        if let Some(other) = column.table.as_ref().filter(|other| other.text != name.text) {
            return Err(unknown_table(other));
        }
        let new = NewValue::new(&table, &column.column, constant, parameters)?;
        if table.columns().get(new.column).is_some_and(|column| column.key) {
            let cause = SqlCause::KeyColumn { column: column.column.text.clone() };
            return Err(SqlError::new(cause, column.span()));
        }
        changes.push(new);
    }
    let places = matching(&table, update.condition.as_ref(), parameters)?;
    let of_rows = name.text != STREAMS;
    if of_rows && relations::is_system(&name.text) {
        return Err(read_only(name));
    }
    let kinds: Vec<ColumnType> = table.columns().iter().map(|column| column.kind).collect();
    let rows = places.iter().filter_map(|place| table.row(*place));
    let streams: Vec<String> = rows.map(|row| if of_rows { row.stream_name() } else { row.key() }).collect();
    // While the table is in use here, changing it would copy it.
    drop(table);
    for new in changes {
        if kinds.get(new.column) == Some(&ColumnType::Stream) {
            for stream in &streams {
                match &new.stream {
                    Some(content) => database.put_stream_from(stream, Stream::from_bytes(content.clone())),
                    None => database.drop_stream(stream),
                }
            }
        }
        if of_rows {
            let stored = database.table_mut(&name.text).ok_or_else(|| unknown_table(name))?;
            for place in &places {
                stored.set(*place, new.column, new.value.clone());
            }
        }
    }
    Ok(())
}
