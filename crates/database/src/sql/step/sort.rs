//! The rows in the order of some columns; null comes first.

use std::cmp::Ordering;

use super::super::condition::value;
use super::super::names::Place;
use super::{Tables, Tuple, Tuples};
use crate::Value;

pub fn sort(input: Tuples, tables: &Tables, order: &[Place]) -> Tuples {
    if order.is_empty() {
        return input;
    }
    let mut tuples: Vec<Tuple> = input.collect();
    tuples.sort_by(|left, right| {
        let pairs = order.iter().map(|place| (value(tables, left, *place), value(tables, right, *place)));
        pairs.map(|(left, right)| compare(left, right)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    Box::new(tuples.into_iter())
}

fn compare(left: &Value, right: &Value) -> Ordering {
    (left.as_integer(), left.as_text()).cmp(&(right.as_integer(), right.as_text()))
}
