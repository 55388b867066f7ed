//! The steps of a query. Each takes rows from the one before it, so that only sorting and joining keep any.

pub mod distinct;
pub mod filter;
pub mod hash_join;
pub mod key_join;
pub mod lookup;
pub mod product;
pub mod scan;
pub mod sort;

use std::sync::Arc;

use crate::Table;

/// The place of a row in each table of the query; [`UNBOUND`] for tables that are joined later.
pub type Tuple = Box<[usize]>;

/// In a [`Tuple`]: no row yet.
pub const UNBOUND: usize = usize::MAX;

/// The rows that a step gives.
pub type Tuples = Box<dyn Iterator<Item = Tuple> + Send>;

/// The tables of a query, shared by its steps.
pub type Tables = Arc<[Arc<Table>]>;

/// A tuple in which only one table has a row.
fn single(tables: &Tables, table: usize, row: usize) -> Tuple {
    (0..tables.len()).map(|position| if position == table { row } else { UNBOUND }).collect()
}

/// A tuple with the row of one more table.
fn bind(tuple: &Tuple, table: usize, row: usize) -> Tuple {
    let mut tuple = tuple.clone();
    if let Some(place) = tuple.get_mut(table) {
        *place = row;
    }
    tuple
}
