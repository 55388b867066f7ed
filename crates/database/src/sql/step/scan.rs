//! All rows of a table.

use super::{Tables, Tuples, single};

pub fn scan(tables: &Tables, table: usize) -> Tuples {
    let tables = tables.clone();
    let count = tables.get(table).map_or(0, |table| table.len());
    Box::new((0..count).map(move |row| single(&tables, table, row)))
}
