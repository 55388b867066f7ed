//! The one row with a primary key.

use super::{Tables, Tuples, single};
use crate::Value;

pub fn lookup(tables: &Tables, table: usize, key: &[Value]) -> Tuples {
    let row = tables.get(table).and_then(|table| table.place(key));
    Box::new(row.map(|row| single(tables, table, row)).into_iter())
}
