//! Every row of the input with the one row of one more table whose primary key it names.

use super::super::condition::value;
use super::super::names::Place;
use super::{Tables, Tuples, bind};
use crate::Value;

/// `key` are the columns of tables already joined that hold the key of the new table.
pub fn key_join(input: Tuples, tables: &Tables, table: usize, key: Vec<Place>) -> Tuples {
    let tables = tables.clone();
    Box::new(input.filter_map(move |tuple| {
        let key: Vec<Value> = key.iter().map(|place| value(&tables, &tuple, *place).clone()).collect();
        let row = tables.get(table)?.place(&key)?;
        Some(bind(&tuple, table, row))
    }))
}
