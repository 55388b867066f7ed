//! How a SELECT becomes a chain of steps.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::Condition;
use super::names::{Names, Place};
use super::relations;
use super::rows::Rows;
use super::statement::{Expression, Operator, Select};
use super::step::{Tables, Tuples, distinct, filter, hash_join, key_join, lookup, product, scan, sort};
use super::{Parameter, SqlCause, SqlError};
use crate::{Database, Table, Value};

/// The rows of a SELECT.
pub fn select(database: &Database, select: &Select, parameters: &[Parameter]) -> Result<Rows, SqlError> {
    let tables = tables(database, select)?;
    let names = Names { tables: &tables, parameters };
    let columns = columns(select, &names)?;
    let order: Vec<Place> =
        select.order.iter().map(|column| names.place(column)).collect::<Result<_, _>>()?;
    let mut steps = matching(&tables, select.condition.as_ref(), &names)?;
    steps = sort::sort(steps, &tables, &order);
    if select.distinct {
        steps = distinct::distinct(steps, &tables, &columns);
    }
    Ok(Rows::new(tables, columns, steps))
}

/// The tables of a SELECT.
pub fn tables(database: &Database, select: &Select) -> Result<Tables, SqlError> {
    let mut tables: Vec<Arc<Table>> = Vec::with_capacity(select.tables.len());
    for name in &select.tables {
        if tables.iter().any(|table| table.name() == name.text) {
            let cause = SqlCause::RepeatedTable { table: name.text.clone() };
            return Err(SqlError::new(cause, name.span.clone()));
        }
        tables.push(relations::table(database, name)?);
    }
    Ok(tables.into())
}

/// The columns that a SELECT asks for.
pub fn columns(select: &Select, names: &Names<'_>) -> Result<Vec<Place>, SqlError> {
    match &select.columns {
        Some(columns) => columns.iter().map(|column| names.place(column)).collect(),
        None => {
            let all = |(table, found): (usize, &Arc<Table>)| {
                (0..found.columns().len()).map(move |column| Place { table, column })
            };
            Ok(names.tables.iter().enumerate().flat_map(all).collect())
        }
    }
}

/// The rows of the tables for which the condition holds.
pub fn matching(
    tables: &Tables,
    condition: Option<&Expression>,
    names: &Names<'_>,
) -> Result<Tuples, SqlError> {
    let condition = condition.map(|condition| Condition::new(condition, names)).transpose()?;
    let mut conditions = condition.map(Condition::conjuncts).unwrap_or_default();
    let mut open: BTreeSet<usize> = (0..tables.len()).collect();
    // A table of which the conditions name one row comes first: the others may then be found by what that row has.
    let Some(first) = open
        .iter()
        .copied()
        .find(|&table| key(tables, table, &conditions).is_some())
        .or(open.first().copied())
    else {
        return Ok(Box::new(std::iter::empty()));
    };
    open.remove(&first);
    let mut bound = BTreeSet::from([first]);
    let mut steps = source(tables, first, &mut conditions);
    while let Some(&next) = open.iter().find(|&&table| is_joined(&conditions, &bound, table)).or(open.first())
    {
        open.remove(&next);
        let equal = take(&mut conditions, |condition| equality(condition, &bound, next).is_some());
        let pairs: Vec<_> = equal.iter().filter_map(|condition| equality(condition, &bound, next)).collect();
        steps = if let Some(key) = joined_key(tables, next, &pairs) {
            // What else is asked of the row is looked at below.
            conditions.extend(equal);
            key_join::key_join(steps, tables, next, key)
        } else if pairs.is_empty() {
            product::product(steps, source(tables, next, &mut conditions), next)
        } else {
            hash_join::hash_join(steps, tables, source(tables, next, &mut conditions), next, pairs)
        };
        bound.insert(next);
        let ready = take(&mut conditions, |condition| condition.tables().is_subset(&bound));
        steps = filter::filter(steps, tables, ready);
    }
    Ok(steps)
}

/// The rows of one table for which its own conditions hold; these are taken off the list.
fn source(tables: &Tables, table: usize, conditions: &mut Vec<Condition>) -> Tuples {
    let own = take(conditions, |condition| condition.tables().iter().eq([&table]));
    let rows = match key(tables, table, &own) {
        Some(key) => lookup::lookup(tables, table, &key),
        None => scan::scan(tables, table),
    };
    filter::filter(rows, tables, own)
}

/// The places that hold the primary key of a table, if its whole key has to equal columns of tables that come before.
fn joined_key(tables: &Tables, table: usize, pairs: &[(Place, Place)]) -> Option<Vec<Place>> {
    let place = |key: usize| pairs.iter().find(|(_, new)| new.column == key).map(|(old, _)| *old);
    whole_key(tables, table, place)
}

/// The primary key that the conditions ask for, if they name it whole.
fn key(tables: &Tables, table: usize, conditions: &[Condition]) -> Option<Vec<Value>> {
    let wanted = |key: usize| {
        conditions.iter().find_map(|condition| match condition {
            Condition::Constant { column, operator: Operator::Equal, value }
                if column.table == table && column.column == key =>
            {
                Some(value.clone())
            }
            _ => None,
        })
    };
    whole_key(tables, table, wanted)
}

/// What there is for each column of a table's primary key, if there is something for all of them.
fn whole_key<T>(tables: &Tables, table: usize, of_column: impl Fn(usize) -> Option<T>) -> Option<Vec<T>> {
    let keys = tables.get(table)?.columns().iter().take_while(|column| column.key).count();
    if keys == 0 { None } else { (0..keys).map(of_column).collect() }
}

fn is_joined(conditions: &[Condition], bound: &BTreeSet<usize>, table: usize) -> bool {
    conditions.iter().any(|condition| equality(condition, bound, table).is_some())
}

/// The column of a bound table and that of the new one, when the condition wants them equal.
fn equality(condition: &Condition, bound: &BTreeSet<usize>, table: usize) -> Option<(Place, Place)> {
    match condition {
        Condition::Columns { left, operator: Operator::Equal, right } => {
            if bound.contains(&left.table) && right.table == table {
                Some((*left, *right))
            } else if bound.contains(&right.table) && left.table == table {
                Some((*right, *left))
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Moves the conditions that qualify off the list.
fn take(conditions: &mut Vec<Condition>, qualifies: impl Fn(&Condition) -> bool) -> Vec<Condition> {
    let (taken, kept) = std::mem::take(conditions).into_iter().partition(|condition| qualifies(condition));
    *conditions = kept;
    taken
}
