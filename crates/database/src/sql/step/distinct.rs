//! The first of rows that are equal in the selected columns.

use std::collections::HashSet;

use super::super::condition::value;
use super::super::names::Place;
use super::{Tables, Tuples};
use crate::Value;

pub fn distinct(input: Tuples, tables: &Tables, columns: &[Place]) -> Tuples {
    let (tables, columns) = (tables.clone(), columns.to_vec());
    let mut met: HashSet<Box<[Value]>> = HashSet::new();
    Box::new(input.filter(move |tuple| {
        met.insert(columns.iter().map(|place| value(&tables, tuple, *place).clone()).collect())
    }))
}
