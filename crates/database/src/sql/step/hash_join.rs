//! Every row of the input with those rows of one more table that have equal values in some columns.

use std::collections::HashMap;

use super::super::condition::value;
use super::super::names::Place;
use super::{Tables, Tuple, Tuples, bind};
use crate::Value;

/// `pairs` are columns of tables already joined, each with the column of the new table that has to be equal.
pub fn hash_join(
    input: Tuples,
    tables: &Tables,
    right: Tuples,
    table: usize,
    pairs: Vec<(Place, Place)>,
) -> Tuples {
    let key = |tables: &Tables, tuple: &Tuple, places: &mut dyn Iterator<Item = Place>| -> Box<[Value]> {
        places.map(|place| value(tables, tuple, place).clone()).collect()
    };
    let mut matches: HashMap<Box<[Value]>, Vec<usize>> = HashMap::new();
    for tuple in right {
        let Some(&row) = tuple.get(table) else { continue };
        let key = key(tables, &tuple, &mut pairs.iter().map(|(_, new)| *new));
        matches.entry(key).or_default().push(row);
    }
    let tables = tables.clone();
    Box::new(input.flat_map(move |tuple| {
        let key = key(&tables, &tuple, &mut pairs.iter().map(|(old, _)| *old));
        let rows = matches.get(&key).map(Vec::as_slice).unwrap_or_default();
        let joined: Vec<_> = rows.iter().map(|row| bind(&tuple, table, *row)).collect();
        joined
    }))
}
