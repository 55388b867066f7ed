//! Every row of the input with every row of one more table.

use super::{Tuples, bind};

pub fn product(input: Tuples, right: Tuples, table: usize) -> Tuples {
    let rows: Vec<usize> = right.filter_map(|tuple| tuple.get(table).copied()).collect();
    Box::new(input.flat_map(move |tuple| {
        let joined: Vec<_> = rows.iter().map(|row| bind(&tuple, table, *row)).collect();
        joined
    }))
}
