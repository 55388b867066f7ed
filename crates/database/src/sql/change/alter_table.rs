//! ALTER TABLE: a new column, and how long temporary columns stay.

use super::super::SqlError;
use super::super::relations;
use super::super::statement::{Alteration, Name};
use super::create_table::follows;
use super::{read_only, unknown_table};
use crate::Database;

pub fn alter(database: &mut Database, name: &Name, alteration: &Alteration) -> Result<(), SqlError> {
    let table = relations::table(database, name)?;
    if relations::is_system(&name.text) {
        // Views of the streams and storages are made anew by each query, so there is nothing to hold.
        return if matches!(alteration, Alteration::Add { .. }) { Err(read_only(name)) } else { Ok(()) };
    }
    match alteration {
        Alteration::Add { definition, hold } => {
            let columns = table.columns();
            follows(definition, columns, table.persistent_columns().len() == columns.len())?;
            std::mem::drop(table);
            let stored = database.table_mut(&name.text).ok_or_else(|| unknown_table(name))?;
            stored.add_column(definition.column.clone(), definition.temporary);
            if *hold {
                database.hold(&name.text);
            }
        }
        Alteration::Hold => database.hold(&name.text),
        Alteration::Free => {
            std::mem::drop(table);
            database.free(&name.text);
        }
    }
    Ok(())
}
