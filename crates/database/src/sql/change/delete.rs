//! DELETE: rows that go, and their streams with them.

use super::super::relations::{self, STORAGES, STREAMS};
use super::super::statement::Delete;
use super::super::{Parameter, SqlError};
use super::{matching, read_only, stream_names, unknown_table};
use crate::Database;

pub fn delete(database: &mut Database, delete: &Delete, parameters: &[Parameter]) -> Result<(), SqlError> {
    let name = &delete.table;
    let table = relations::table(database, name)?;
    let mut places = matching(&table, delete.condition.as_ref(), parameters)?;
    places.sort_unstable();
    if [STREAMS, STORAGES].contains(&name.text.as_str()) {
        for row in places.iter().filter_map(|place| table.row(*place)) {
            if name.text == STREAMS {
                database.drop_stream(&row.key())
            } else {
                database.drop_storage(&row.key())
            }
        }
        return Ok(());
    }
    if relations::is_system(&name.text) {
        return Err(read_only(name));
    }
    for stream in stream_names(&table, places.iter().copied()) {
        database.drop_stream(&stream);
    }
    drop(table);
    database.table_mut(&name.text).ok_or_else(|| unknown_table(name))?.remove(&places);
    Ok(())
}
