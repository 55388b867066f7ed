//! A table in memory: columns, rows and the values in them.
//!
//! Column types follow the pages `column-definition-format.md` and `column-data-types.md`. What a value means
//! is not known here.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// The type of a column, as the `_Columns` table encodes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A number of 2 bytes, −32,767 to 32,767.
    Short,
    /// A number of 4 bytes.
    Long,
    /// A text of at most so many characters; 0 is without limit.
    Text(u8),
    /// A stream of bytes.
    Stream,
}

impl ColumnType {
    /// Whether both are texts, and this one can be longer.
    pub(crate) fn is_longer_text(self, other: Self) -> bool {
        match (self, other) {
            (Self::Text(this), Self::Text(other)) => other != 0 && (this == 0 || this > other),
            _ => false,
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, unique in its table.
    pub name: String,
    /// What its values are.
    pub kind: ColumnType,
    /// Whether null is a value.
    pub nullable: bool,
    /// Whether it belongs to the primary key; key columns come first.
    pub key: bool,
    /// Whether its text is to be translated.
    pub localizable: bool,
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Value {
    /// No value; the empty text is stored as this too.
    #[default]
    Null,
    /// A number of a [`ColumnType::Short`] or [`ColumnType::Long`] column.
    Integer(i32),
    /// A text that is not empty.
    Text(Arc<str>),
    /// The stream of this row, stored beside the table under the name that [`Row::stream_name`] gives.
    Stream,
}

impl Value {
    /// The text, or nothing for null and numbers.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, or nothing for null and texts.
    pub fn as_integer(&self) -> Option<i32> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(text.into()) }
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Integer(number)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A table with its rows.
#[derive(Debug, Clone)]
pub struct Table {
    name: String,
    columns: Vec<Column>,
    positions: HashMap<String, usize>,
    /// How many columns are stored; those after them are temporary.
    persistent: usize,
    /// The values of all rows, one row after the other: a package may have very many rows.
    values: Vec<Value>,
    /// How many rows there are.
    count: usize,
    /// Whether each row is temporary; those that it does not reach are not.
    temporary: Vec<bool>,
    /// Place of each row by its key, made when first asked for.
    index: OnceLock<HashMap<Box<[Value]>, usize>>,
}

impl Table {
    /// A table without rows.
    pub fn new(name: impl Into<String>, columns: Vec<Column>) -> Self {
        let positions =
            columns.iter().enumerate().map(|(index, column)| (column.name.clone(), index)).collect();
        let persistent = columns.len();
        Self {
            name: name.into(),
            columns,
            positions,
            persistent,
            values: Vec::new(),
            count: 0,
            temporary: Vec::new(),
            index: OnceLock::new(),
        }
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns in their order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The place of a column, if the table has it.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.positions.get(column).copied()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows, in stored order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> + DoubleEndedIterator {
        (0..self.count).map(|place| self.at(place))
    }

    /// The row at a place.
    pub fn row(&self, place: usize) -> Option<Row<'_>> {
        (place < self.count).then(|| self.at(place))
    }

    fn at(&self, place: usize) -> Row<'_> {
        let width = self.columns.len();
        Row {
            table: self,
            values: self.values.get(place * width..(place + 1) * width).unwrap_or_default(),
            temporary: self.is_temporary(place),
        }
    }

    fn is_temporary(&self, place: usize) -> bool {
        self.temporary.get(place).copied().unwrap_or(false)
    }

    /// The row with these values of the primary key, found without a walk through the table.
    pub fn find(&self, key: &[Value]) -> Option<Row<'_>> {
        self.row(self.place(key)?)
    }

    /// Adds a row; missing values at the end are null, surplus ones are dropped.
    pub fn push(&mut self, values: Vec<Value>) {
        self.insert(values, false);
    }

    /// The columns that are stored; columns after them are temporary.
    pub(crate) fn persistent_columns(&self) -> &[Column] {
        self.columns.get(..self.persistent).unwrap_or_default()
    }

    /// Makes all columns from this place on temporary.
    pub(crate) fn set_persistent(&mut self, columns: usize) {
        self.persistent = columns.min(self.columns.len());
    }

    /// Where the row with this key is.
    pub(crate) fn place(&self, key: &[Value]) -> Option<usize> {
        let index = self.index.get_or_init(|| {
            // Where a key is there twice, the first row counts.
            let rows = self.rows().enumerate().rev();
            rows.map(|(place, row)| (row.key_values().into(), place)).collect()
        });
        index.get(key).copied()
    }

    /// Adds a row that is not stored if it is temporary.
    pub(crate) fn insert(&mut self, mut values: Vec<Value>, temporary: bool) {
        values.resize(self.columns.len(), Value::Null);
        let place = self.count;
        self.values.append(&mut values);
        self.count += 1;
        if temporary {
            self.temporary.resize(place, false);
            self.temporary.push(true);
        }
        if let Some(mut index) = self.index.take() {
            let key = self.row(place).map(|row| row.key_values().into()).unwrap_or_default();
            index.entry(key).or_insert(place);
            self.index = index.into();
        }
    }

    /// Changes a value outside the primary key.
    pub(crate) fn set(&mut self, place: usize, column: usize, value: Value) {
        let width = self.columns.len();
        if let Some(old) = self.values.get_mut(place * width + column).filter(|_| column < width) {
            *old = value;
        }
    }

    /// Removes the rows at these places, which have to ascend.
    pub(crate) fn remove(&mut self, places: &[usize]) {
        let keeps = |place: &usize| places.binary_search(place).is_err();
        let kept: Vec<usize> = (0..self.count).filter(keeps).collect();
        let width = self.columns.len();
        let mut values = Vec::with_capacity(kept.len() * width);
        for place in &kept {
            let row = self.values.get_mut(place * width..(place + 1) * width).unwrap_or_default();
            values.extend(row.iter_mut().map(std::mem::take));
        }
        if !self.temporary.is_empty() {
            self.temporary = kept.iter().map(|place| self.is_temporary(*place)).collect();
        }
        self.values = values;
        self.count = kept.len();
        self.index.take();
    }

    /// Adds a column at the end, with null in every row.
    pub(crate) fn add_column(&mut self, column: Column, temporary: bool) {
        self.positions.insert(column.name.clone(), self.columns.len());
        self.columns.push(column);
        if !temporary {
            self.persistent = self.columns.len();
        }
        self.resize_rows(self.columns.len() - 1, self.columns.len());
        self.index.take();
    }

    /// Makes columns of text as long as those of another table with the same columns, where these are longer.
    pub(crate) fn widen(&mut self, others: &[Column]) {
        for (column, other) in self.columns.iter_mut().zip(others) {
            if other.kind.is_longer_text(column.kind) {
                column.kind = other.kind;
            }
        }
    }

    /// Removes the temporary columns.
    pub(crate) fn remove_temporary_columns(&mut self) {
        let width = self.columns.len();
        for column in self.columns.drain(self.persistent..) {
            self.positions.remove(&column.name);
        }
        self.resize_rows(width, self.persistent);
        self.index.take();
    }

    /// Gives each row as many values as there are columns now: the last ones go, new ones are null.
    fn resize_rows(&mut self, before: usize, now: usize) {
        let mut values = Vec::with_capacity(self.count * now);
        for place in 0..self.count {
            let row = self.values.get_mut(place * before..(place + 1) * before).unwrap_or_default();
            values.extend(row.iter_mut().take(now).map(std::mem::take));
            values.resize((place + 1) * now, Value::Null);
        }
        self.values = values;
    }

    /// Makes room for so many more rows.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.values.reserve_exact(rows * self.columns.len());
    }
}

/// A row of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'t> {
    table: &'t Table,
    values: &'t [Value],
    temporary: bool,
}

impl<'t> Row<'t> {
    /// The table that this is a row of.
    pub fn table(&self) -> &'t Table {
        self.table
    }

    /// Whether the row is left out when the database is saved.
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// All values in column order.
    pub fn values(&self) -> &'t [Value] {
        self.values
    }

    /// The value in a column; null when the table has no such column.
    pub fn value(&self, column: &str) -> &'t Value {
        self.table.position(column).and_then(|position| self.values.get(position)).unwrap_or(&Value::Null)
    }

    /// The text in a column.
    pub fn text(&self, column: &str) -> Option<&'t str> {
        self.value(column).as_text()
    }

    /// The number in a column.
    pub fn integer(&self, column: &str) -> Option<i32> {
        self.value(column).as_integer()
    }

    /// The values of the primary key.
    pub fn key_values(&self) -> &'t [Value] {
        let keys = self.table.columns.iter().take_while(|column| column.key).count();
        self.values.get(..keys).unwrap_or_default()
    }

    /// The values of the primary key, joined by a full stop: how a row is named in messages.
    pub fn key(&self) -> String {
        key_text(self.key_values())
    }

    /// The name of the stream that belongs to this row: table name and primary key, joined by full stops.
    pub fn stream_name(&self) -> String {
        format!("{}.{}", self.table.name, self.key())
    }
}

/// The values of a primary key, joined by a full stop.
pub(crate) fn key_text(values: &[Value]) -> String {
    let mut key = String::new();
    for value in values {
        if !key.is_empty() {
            key.push('.');
        }
        match value {
            Value::Text(text) => key.push_str(text),
            Value::Integer(number) => key.push_str(&number.to_string()),
            Value::Null | Value::Stream => {}
        }
    }
    key
}
