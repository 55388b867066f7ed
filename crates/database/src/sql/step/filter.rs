//! The rows for which conditions hold.

use super::super::condition::Condition;
use super::{Tables, Tuples};

pub fn filter(input: Tuples, tables: &Tables, conditions: Vec<Condition>) -> Tuples {
    if conditions.is_empty() {
        return input;
    }
    let tables = tables.clone();
    Box::new(input.filter(move |tuple| conditions.iter().all(|condition| condition.holds(tuple, &tables))))
}
