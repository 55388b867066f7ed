//! What differs between the rows of two tables. Rows are read where they are stored, so that tables with very many of them need
//! little memory.

use std::hash::{BuildHasher, RandomState};

use super::{RowChange, RowDifference, Step};
use crate::database::RowSource;
use crate::table::key_text;
use crate::{Column, Database, DatabaseError, Value};

/// The rows of a table of a database.
pub(super) struct Rows<'d> {
    database: &'d Database,
    source: &'d RowSource<'d>,
    columns: &'d [Column],
    keys: usize,
}

impl<'d> Rows<'d> {
    pub fn new(database: &'d Database, source: &'d RowSource<'d>) -> Self {
        let columns = source.columns();
        let keys = columns.iter().take_while(|column| column.key).count();
        Self { database, source, columns, keys }
    }

    fn first_values(&self, row: usize, count: usize) -> Result<Vec<Value>, DatabaseError> {
        match &self.source {
            RowSource::Table(table) => {
                let values = table.row(row).map(|row| row.values()).unwrap_or_default();
                Ok(values.get(..count).unwrap_or(values).to_vec())
            }
            RowSource::Stored(rows) => rows.first_values(row, count, &self.database.findings),
        }
    }

    fn key(&self, row: usize) -> Result<Vec<Value>, DatabaseError> {
        self.first_values(row, self.keys)
    }

    fn values(&self, row: usize) -> Result<Vec<Value>, DatabaseError> {
        self.first_values(row, self.columns.len())
    }

    fn named(&self, values: Vec<Value>) -> Vec<(String, Value)> {
        self.columns.iter().map(|column| column.name.clone()).zip(values).collect()
    }

    /// The value in a column; null when the table has no such column.
    fn value<'v>(&self, values: &'v [Value], column: &str) -> &'v Value {
        let position = self.columns.iter().position(|known| known.name == column);
        position.and_then(|position| values.get(position)).unwrap_or(&Value::Null)
    }

    /// Whether both rows are stored alike, so that they need not be decoded.
    fn is_stored_as(&self, row: usize, other: &Self, other_row: usize) -> bool {
        match (&self.source, &other.source) {
            (RowSource::Stored(one), RowSource::Stored(two)) => {
                self.database.code_page() == other.database.code_page()
                    && self.columns == other.columns
                    && one.is_stored_as(row, two, other_row)
            }
            _ => false,
        }
    }
}

/// The rows that differ: those that are gone or changed in the first table's order, then new ones.
pub(super) fn compare(
    one: &Rows,
    other: &Rows,
    progress: &mut dyn FnMut(Step),
) -> Result<Vec<RowDifference>, DatabaseError> {
    let mut differences = Vec::new();
    let mut index = Index::new(other, progress)?;
    for row in 0..one.source.count() {
        tell(row, progress);
        let key = one.key(row)?;
        let text = key_text(&key);
        let change = match index.find(other, &key)? {
            None => RowChange::Removed(one.named(one.values(row)?)),
            Some(second) if one.is_stored_as(row, other, second) => continue,
            Some(second) => match changed_values(one, &one.values(row)?, other, &other.values(second)?) {
                changed if changed.is_empty() => continue,
                changed => RowChange::Changed(changed),
            },
        };
        differences.push(RowDifference { key: text, change });
    }
    for row in index.rest() {
        let values = other.values(row)?;
        let key = key_text(values.get(..other.keys).unwrap_or_default());
        differences.push(RowDifference { key, change: RowChange::Added(other.named(values)) });
    }
    Ok(differences)
}

/// Tells of the rows before this one, now and then.
fn tell(row: usize, progress: &mut dyn FnMut(Step)) {
    const STRIDE: usize = 1024;
    if row > 0 && row.is_multiple_of(STRIDE) {
        progress(Step::Rows(STRIDE as u64));
    }
}

/// A column that only one of the tables has is null in the other.
fn changed_values(
    one: &Rows,
    first: &[Value],
    other: &Rows,
    second: &[Value],
) -> Vec<(String, Value, Value)> {
    let new = other.columns.iter().filter(|column| one.columns.iter().all(|known| known.name != column.name));
    let names = one.columns.iter().chain(new).map(|column| &column.name);
    names
        .map(|name| (name, one.value(first, name), other.value(second, name)))
        .filter(|(_, first, second)| first != second)
        .map(|(name, first, second)| (name.clone(), first.clone(), second.clone()))
        .collect()
}

/// Rows by the hashes of their keys.
struct Index {
    hasher: RandomState,
    /// Hash and row, ascending.
    rows: Vec<(u64, u32)>,
    /// By row: whether its key was found.
    found: Vec<bool>,
}

impl Index {
    fn new(rows: &Rows, progress: &mut dyn FnMut(Step)) -> Result<Self, DatabaseError> {
        let hasher = RandomState::new();
        let count = rows.source.count();
        let mut hashes = Vec::with_capacity(count);
        for row in 0..count {
            tell(row, progress);
            hashes.push((hasher.hash_one(rows.key(row)?), row as u32));
        }
        hashes.sort_unstable();
        Ok(Self { hasher, rows: hashes, found: vec![false; count] })
    }

    /// The first row with this key.
    fn find(&mut self, rows: &Rows, key: &[Value]) -> Result<Option<usize>, DatabaseError> {
        let hash = self.hasher.hash_one(key);
        let start = self.rows.partition_point(|(known, _)| *known < hash);
        let mut first = None;
        for (_, row) in self.rows.iter().skip(start).take_while(|(known, _)| *known == hash) {
            let row = *row as usize;
            if rows.key(row)? == key {
                // Where a key is there twice, the first row counts.
                first = first.or(Some(row));
                let Some(found) = self.found.get_mut(row) else { continue };
                if *found {
                    // So are the others of this key: they are not gone through again.
                    break;
                }
                *found = true;
            }
        }
        Ok(first)
    }

    /// The rows whose keys were not found.
    fn rest(&self) -> impl Iterator<Item = usize> {
        self.found.iter().enumerate().filter(|(_, found)| !**found).map(|(row, _)| row)
    }
}
