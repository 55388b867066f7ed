//! The tables of a query: those of the database, and those that show what is in it.

use std::sync::Arc;

use super::statement::Name;
use super::{SqlCause, SqlError};
use crate::catalog::{self, COLUMNS, TABLES};
use crate::{Column, ColumnType, Database, DatabaseError, Table, Value};

pub const STREAMS: &str = "_Streams";
pub const STORAGES: &str = "_Storages";

/// Whether a table only shows what is in the database.
pub fn is_system(table: &str) -> bool {
    [TABLES, COLUMNS, STREAMS, STORAGES].contains(&table)
}

/// The table of a name.
pub fn table(database: &Database, name: &Name) -> Result<Arc<Table>, SqlError> {
    let failed = |error: DatabaseError| SqlError::new(error.into(), name.span.clone());
    match name.text.as_str() {
        TABLES | COLUMNS => {
            let mut tables = Vec::new();
            for table in database.table_names().map_err(failed)? {
                let columns = database.persistent_columns(&table).unwrap_or_default();
                tables.push((table, columns));
            }
            let [names, columns] =
                catalog::describe(tables.iter().map(|(table, columns)| (table.as_str(), columns.as_slice())));
            Ok(Arc::new(if name.text == TABLES { names } else { columns }))
        }
        STREAMS => Ok(Arc::new(named(STREAMS, 62, database.stream_names()))),
        STORAGES => Ok(Arc::new(named(STORAGES, 31, database.storage_names()))),
        text => {
            let cause = || SqlCause::UnknownTable { table: text.to_owned() };
            database.table(text).map_err(failed)?.ok_or_else(|| SqlError::new(cause(), name.span.clone()))
        }
    }
}

/// A table of names, as on the pages `-streams-table.md` and `-storages-table.md`.
fn named(table: &str, width: u8, names: Vec<String>) -> Table {
    let column = |name: &str, kind, key: bool| Column {
        name: name.into(),
        kind,
        nullable: !key,
        key,
        localizable: false,
    };
    let columns =
        vec![column("Name", ColumnType::Text(width), true), column("Data", ColumnType::Stream, false)];
    let mut table = Table::new(table, columns);
    for name in names {
        table.push(vec![name.as_str().into(), Value::Stream]);
    }
    table
}
