//! What differs between two databases: tables row by row, streams, storages, summary information.
//!
//! Rows are matched by their primary keys, columns by their names, so that the order of either does not count.

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use crate::storage::EntryKind;
use crate::summary;
use crate::{Column, Database, DatabaseError, PropertyValue, Stream, Value};
use rows::Rows;

/// What differs between two databases, each list in the order of its names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// The tables that differ.
    pub tables: Vec<TableDifference>,
    /// The streams that differ.
    pub streams: Vec<StreamDifference>,
    /// The storages that differ: their names, and whether each is in the first and in the second database.
    pub storages: Vec<(String, bool, bool)>,
    /// The summary properties that differ, by number.
    pub summary: Vec<(u32, Option<PropertyValue>, Option<PropertyValue>)>,
    /// The code pages of the tables, if they differ.
    pub code_pages: Option<(u16, u16)>,
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A table that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDifference {
    /// The table.
    pub table: String,
    /// What differs.
    pub change: TableChange,
}

/// How a table differs.
#[derive(Debug, Clone, PartialEq)]
pub enum TableChange {
    /// Only the first database has it, with so many rows.
    Removed(usize),
    /// Only the second database has it, with so many rows.
    Added(usize),
    /// Both have it.
    Changed {
        /// The columns that differ, as the first and the second database have them.
        columns: Vec<(Option<Column>, Option<Column>)>,
        /// The rows that differ: those that are gone or changed in the first one's order, then new ones.
        rows: Vec<RowDifference>,
    },
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct RowDifference {
    /// Its primary key as [`crate::Row::key`] gives it.
    pub key: String,
    /// What differs.
    pub change: RowChange,
}

/// How a row differs.
#[derive(Debug, Clone, PartialEq)]
pub enum RowChange {
    /// Only the first database has it, with these values by column.
    Removed(Vec<(String, Value)>),
    /// Only the second database has it, with these values by column.
    Added(Vec<(String, Value)>),
    /// The columns whose values differ: name, the first one's value, the second one's.
    Changed(Vec<(String, Value, Value)>),
}

/// A stream that differs. The first and the second database's length in bytes; nothing where it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDifference {
    /// The stream.
    pub name: String,
    /// Its length in the first database.
    pub one: Option<u64>,
    /// Its length in the second database.
    pub other: Option<u64>,
}

/// Compares everything in two databases.
///
/// # Errors
/// When one of them cannot be read.
pub fn compare(one: &Database, other: &Database) -> Result<Difference, DatabaseError> {
    compare_with(one, other, &mut |_| {})
}

/// What a comparison has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It has looked at so many rows more, of either database.
    Rows(u64),
    /// It has compared so many bytes more of streams that both have.
    Bytes(u64),
}

/// As [`compare`], telling `progress` now and then what was done.
///
/// # Errors
/// As [`compare`].
pub fn compare_with(
    one: &Database,
    other: &Database,
    progress: &mut dyn FnMut(Step),
) -> Result<Difference, DatabaseError> {
    let names: BTreeSet<String> = one.table_names()?.into_iter().chain(other.table_names()?).collect();
    let mut summary = Vec::new();
    let (first, second) = (one.summary()?, other.summary()?);
    let numbers: BTreeSet<u32> =
        first.properties().keys().chain(second.properties().keys()).copied().collect();
    for number in numbers {
        let pair = (first.properties().get(&number), second.properties().get(&number));
        if pair.0 != pair.1 {
            summary.push((number, pair.0.cloned(), pair.1.cloned()));
        }
    }
    let code_pages = (one.code_page(), other.code_page());
    Ok(Difference {
        tables: compare_tables(one, other, names.iter().map(String::as_str), progress)?,
        streams: compare_streams(one, other, progress)?,
        storages: compare_storages(one, other)?,
        summary,
        code_pages: (code_pages.0 != code_pages.1).then_some(code_pages),
    })
}

/// Compares these tables; one that neither database has does not differ. `progress` is told what was done.
///
/// # Errors
/// When one of them cannot be read.
pub fn compare_tables<'n>(
    one: &Database,
    other: &Database,
    names: impl IntoIterator<Item = &'n str>,
    progress: &mut dyn FnMut(Step),
) -> Result<Vec<TableDifference>, DatabaseError> {
    let mut differences = Vec::new();
    for name in names {
        let (first, second) = (one.row_source(name)?, other.row_source(name)?);
        let change = match (first, second) {
            (None, None) => continue,
            (Some(first), None) => TableChange::Removed(first.count()),
            (None, Some(second)) => TableChange::Added(second.count()),
            (Some(first), Some(second)) => {
                let columns = compare_columns(first.columns(), second.columns());
                let rows = rows::compare(&Rows::new(one, &first), &Rows::new(other, &second), progress)?;
                if columns.is_empty() && rows.is_empty() {
                    continue;
                }
                TableChange::Changed { columns, rows }
            }
        };
        differences.push(TableDifference { table: name.to_owned(), change });
    }
    Ok(differences)
}

fn compare_columns(one: &[Column], other: &[Column]) -> Vec<(Option<Column>, Option<Column>)> {
    let find = |columns: &[Column], name: &str| columns.iter().find(|column| column.name == name).cloned();
    let mut differences = Vec::new();
    for column in one {
        let second = find(other, &column.name);
        if second.as_ref() != Some(column) {
            differences.push((Some(column.clone()), second));
        }
    }
    let new = other.iter().filter(|column| find(one, &column.name).is_none());
    differences.extend(new.map(|column| (None, Some(column.clone()))));
    differences
}

fn compare_streams(
    one: &Database,
    other: &Database,
    progress: &mut dyn FnMut(Step),
) -> Result<Vec<StreamDifference>, DatabaseError> {
    let names: BTreeSet<String> = one.stream_names().into_iter().chain(other.stream_names()).collect();
    let mut differences = Vec::new();
    for name in names {
        let (first, second) = (one.stream(&name)?, other.stream(&name)?);
        let lengths = (first.as_ref().map(Stream::len), second.as_ref().map(Stream::len));
        let same = match (first, second) {
            (Some(first), Some(second)) => {
                lengths.0 == lengths.1 && same_content(&name, first, second, progress)?
            }
            _ => false,
        };
        if !same {
            differences.push(StreamDifference { name, one: lengths.0, other: lengths.1 });
        }
    }
    Ok(differences)
}

/// Streams of one length, compared piece by piece.
fn same_content(
    name: &str,
    mut one: Stream,
    mut other: Stream,
    progress: &mut dyn FnMut(Step),
) -> Result<bool, DatabaseError> {
    const PIECE: usize = 1 << 16;
    let mut left = one.len();
    let (mut first, mut second) = (vec![0; PIECE], vec![0; PIECE]);
    while left > 0 {
        let length = left.min(PIECE as u64) as usize;
        let (Some(first), Some(second)) = (first.get_mut(..length), second.get_mut(..length)) else { break };
        for (stream, piece) in [(&mut one, &mut *first), (&mut other, &mut *second)] {
            stream
                .read_exact(piece)
                .map_err(|source| DatabaseError::ReadStream { name: name.to_owned(), source })?;
        }
        if first != second {
            return Ok(false);
        }
        left -= length as u64;
        progress(Step::Bytes(length as u64));
    }
    Ok(true)
}

fn compare_storages(one: &Database, other: &Database) -> Result<Vec<(String, bool, bool)>, DatabaseError> {
    let names: BTreeSet<String> = one.storage_names().into_iter().chain(other.storage_names()).collect();
    let mut differences = Vec::new();
    for name in names {
        let (first, second) = (raw_entries(one, &name)?, raw_entries(other, &name)?);
        let present = (first.is_some(), second.is_some());
        let same = match (first, second) {
            (Some(first), Some(second)) => same_summary(one, other, &name)? && same_entries(first, second)?,
            _ => false,
        };
        if !same {
            differences.push((name, present.0, present.1));
        }
    }
    Ok(differences)
}

/// Whether two storages of one name have the same summary information, however it is stored.
fn same_summary(one: &Database, other: &Database, name: &str) -> Result<bool, DatabaseError> {
    let (one, other) = (one.storage(name)?, other.storage(name)?);
    let summary = |storage: Option<Database>| storage.map(|storage| storage.summary()).transpose();
    Ok(summary(one)? == summary(other)?)
}

/// What is in a storage as it is stored, by encoded name; the summary information left out.
type Entries = BTreeMap<Vec<u16>, Stream>;

fn raw_entries(database: &Database, name: &str) -> Result<Option<Entries>, DatabaseError> {
    let Some(storage) = database.nested(name)? else { return Ok(None) };
    let mut entries = BTreeMap::new();
    let summary_name: Vec<u16> = summary::STREAM.encode_utf16().collect();
    for (id, entry) in storage.entries().filter(|(_, entry)| entry.kind != EntryKind::Storage) {
        if entry.name == summary_name {
            continue;
        }
        entries.insert(entry.name.clone(), storage.stream(id, &database.findings)?);
    }
    Ok(Some(entries))
}

fn same_entries(one: Entries, other: Entries) -> Result<bool, DatabaseError> {
    if !one.keys().eq(other.keys()) {
        return Ok(false);
    }
    for ((name, first), second) in one.into_iter().zip(other.into_values()) {
        if first.len() != second.len()
            || !same_content(&String::from_utf16_lossy(&name), first, second, &mut |_| {})?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(prices: &[(&str, i32)]) -> Database {
        let mut database = Database::create();
        let create = "CREATE TABLE Item (Item CHAR(72) NOT NULL, Price SHORT PRIMARY KEY Item)";
        database.execute(create, &[]).unwrap();
        for (item, price) in prices {
            let insert = "INSERT INTO Item (Item, Price) VALUES (?, ?)";
            database.execute(insert, &[(*item).into(), (*price).into()]).unwrap();
        }
        database
    }

    #[test]
    fn a_database_does_not_differ_from_itself_whatever_the_order() {
        let one = shop(&[("pear", 1), ("apple", 2)]);
        assert!(compare(&one, &one).unwrap().is_empty());
        assert!(compare(&one, &shop(&[("apple", 2), ("pear", 1)])).unwrap().is_empty());
    }

    #[test]
    fn rows_are_matched_by_their_keys() {
        let one = shop(&[("pear", 1), ("apple", 2), ("plum", 3)]);
        let other = shop(&[("apple", 5), ("plum", 3), ("fig", 4)]);
        let difference = compare(&one, &other).unwrap();
        let [table] = difference.tables.as_slice() else { panic!("{difference:?}") };
        let TableChange::Changed { columns, rows } = &table.change else { panic!("{table:?}") };
        assert_eq!(columns, &[]);
        let value = |name: &str, value: Value| (name.to_owned(), value);
        let expected = [
            ("pear", RowChange::Removed(vec![value("Item", "pear".into()), value("Price", 1.into())])),
            ("apple", RowChange::Changed(vec![("Price".to_owned(), 2.into(), 5.into())])),
            ("fig", RowChange::Added(vec![value("Item", "fig".into()), value("Price", 4.into())])),
        ];
        let expected = expected.map(|(key, change)| RowDifference { key: key.to_owned(), change });
        assert_eq!(rows, &expected);
    }

    #[test]
    fn tables_columns_streams_and_the_summary_are_compared() {
        let one = shop(&[]);
        let mut other = shop(&[("fig", 1)]);
        other.execute("ALTER TABLE Item ADD Note CHAR(9)", &[]).unwrap();
        other.execute("CREATE TABLE New (A INT NOT NULL PRIMARY KEY A)", &[]).unwrap();
        other.put_stream("a", vec![1; 70_000]);
        other.set_code_page(1252);
        let mut summary = crate::SummaryInformation::default();
        summary.set_text(2, "T");
        other.set_summary(summary);
        let difference = compare(&one, &other).unwrap();
        assert_eq!(difference.tables.len(), 2);
        assert_eq!(difference.tables[1].change, TableChange::Added(0));
        assert_eq!(
            difference.streams,
            [StreamDifference { name: "a".to_owned(), one: None, other: Some(70_000) }]
        );
        assert_eq!(difference.summary, [(2, None, Some(PropertyValue::Text("T".to_owned())))]);
        assert_eq!(difference.code_pages, Some((0, 1252)));
        let mut last = other.stream("a").unwrap().unwrap().to_bytes().unwrap();
        last[69_999] = 2;
        let mut third = shop(&[]);
        third.put_stream("a", last);
        assert_eq!(compare_streams(&other, &third, &mut |_| {}).unwrap().len(), 1);
    }
}
