//! The rows that a query gives.

use super::condition::value;
use super::names::Place;
use super::relations::STREAMS;
use super::step::{Tables, Tuple, Tuples};
use crate::{ColumnType, Value};

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultColumn {
    /// The table that it comes from.
    pub table: String,
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnType,
    /// Whether null is a value.
    pub nullable: bool,
    /// Whether its text is to be translated.
    pub localizable: bool,
    /// Whether it is left out when the database is saved.
    pub temporary: bool,
}

impl ResultColumn {
    /// The definition of the column as the page `column-definition-format.md` writes it, such as `S72`.
    pub fn definition(&self) -> String {
        let (letter, width) = match (self.kind, self.temporary) {
            (ColumnType::Short, false) => ('i', 2),
            (ColumnType::Short, true) => ('j', 2),
            (ColumnType::Long, false) => ('i', 4),
            (ColumnType::Long, true) => ('j', 4),
            (ColumnType::Text(width), true) => ('g', width),
            (ColumnType::Text(width), false) => (if self.localizable { 'l' } else { 's' }, width),
            (ColumnType::Stream, false) => ('v', 0),
            (ColumnType::Stream, true) => ('o', 0),
        };
        let letter = if self.nullable { letter.to_ascii_uppercase() } else { letter };
        format!("{letter}{width}")
    }
}

/// A row of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRow {
    values: Box<[Value]>,
    streams: Vec<(usize, String)>,
}

impl ResultRow {
    /// The values in the order of the result's columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The name of the stream in a column, by its place; [`crate::Database::stream`] has its content.
    pub fn stream_name(&self, column: usize) -> Option<&str> {
        self.streams.iter().find(|(place, _)| *place == column).map(|(_, name)| name.as_str())
    }
}

/// The rows of a result, computed as they are asked for. They show the tables as they were when the query was
/// executed.
pub struct Rows {
    tables: Tables,
    places: Vec<Place>,
    columns: Vec<ResultColumn>,
    steps: Tuples,
}

impl Rows {
    pub(super) fn new(tables: Tables, places: Vec<Place>, steps: Tuples) -> Self {
        let columns = places.iter().filter_map(|place| result_column(&tables, *place)).collect();
        Self { tables, places, columns, steps }
    }

    /// A result without columns and rows, which is that of a change.
    pub(super) fn none() -> Self {
        Self::new(Vec::new().into(), Vec::new(), Box::new(std::iter::empty()))
    }

    /// The columns of the result.
    pub fn columns(&self) -> &[ResultColumn] {
        &self.columns
    }

    /// The next row, with the primary key of the row of each table that it comes from.
    pub(super) fn next_with_keys(&mut self) -> Option<(ResultRow, Vec<Vec<Value>>)> {
        let tuple = self.steps.next()?;
        let keys =
            self.tables.iter().zip(tuple.iter()).map(|(table, place)| {
                table.row(*place).map(|row| row.key_values().to_vec()).unwrap_or_default()
            });
        let keys = keys.collect();
        Some((self.row(&tuple), keys))
    }

    fn row(&self, tuple: &Tuple) -> ResultRow {
        let values: Box<[Value]> =
            self.places.iter().map(|place| value(&self.tables, tuple, *place).clone()).collect();
        let streams =
            self.places.iter().enumerate().zip(values.iter()).filter(|(_, value)| **value == Value::Stream);
        let streams = streams
            .filter_map(|((column, place), _)| Some((column, self.stream_name(tuple, *place)?)))
            .collect();
        ResultRow { values, streams }
    }

    fn stream_name(&self, tuple: &Tuple, place: Place) -> Option<String> {
        let row = self.tables.get(place.table)?.row(*tuple.get(place.table)?)?;
        // The rows of this table are the streams themselves.
        Some(if row.table().name() == STREAMS { row.key() } else { row.stream_name() })
    }
}

impl Iterator for Rows {
    type Item = ResultRow;

    fn next(&mut self) -> Option<ResultRow> {
        let tuple = self.steps.next()?;
        Some(self.row(&tuple))
    }
}

/// What a result says about the column at a place.
pub(super) fn result_column(tables: &Tables, place: Place) -> Option<ResultColumn> {
    let table = tables.get(place.table)?;
    let column = table.columns().get(place.column)?;
    Some(ResultColumn {
        table: table.name().to_owned(),
        name: column.name.clone(),
        kind: column.kind,
        nullable: column.nullable,
        localizable: column.localizable,
        temporary: place.column >= table.persistent_columns().len(),
    })
}
