//! DROP TABLE: a table that goes, with the streams of its rows.

use super::super::SqlError;
use super::super::relations;
use super::super::statement::Name;
use super::{read_only, stream_names};
use crate::Database;

pub fn drop(database: &mut Database, name: &Name) -> Result<(), SqlError> {
    if relations::is_system(&name.text) {
        return Err(read_only(name));
    }
    let table = relations::table(database, name)?;
    for stream in stream_names(&table, 0..table.len()) {
        database.drop_stream(&stream);
    }
    database.drop_table(&name.text);
    Ok(())
}
