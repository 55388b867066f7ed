//! The data of a table: all values of the first column, then all of the second, and so on.
//!
//! Numbers are stored with an offset so that 0 can stand for null; texts are references into the string pool;
//! the value of a stream column only says whether there is a stream.

use std::ops::Range;

use crate::bytes::{u16_at, u32_at};
use crate::findings::Findings;
use crate::string_pool::{StringPool, StringPoolBuilder};
use crate::{Column, ColumnType, DatabaseError, Table, Value};

const SHORT_OFFSET: i32 = 0x8000;
const LONG_OFFSET: u32 = 0x8000_0000;

/// Reads a table from its data.
pub(crate) fn decode(
    name: &str,
    columns: &[Column],
    data: &[u8],
    pool: &StringPool,
    findings: &Findings,
) -> Result<Table, DatabaseError> {
    let stored = StoredRows::new(name, columns, data, pool, findings)?;
    stored.decode(0..stored.count(), findings)
}

/// The rows of a table as they are stored.
pub(crate) struct StoredRows<'d, D> {
    name: &'d str,
    columns: &'d [Column],
    data: D,
    pool: &'d StringPool,
    widths: Vec<usize>,
    count: usize,
}

impl<'d, D: AsRef<[u8]>> StoredRows<'d, D> {
    pub fn new(
        name: &'d str,
        columns: &'d [Column],
        data: D,
        pool: &'d StringPool,
        findings: &Findings,
    ) -> Result<Self, DatabaseError> {
        let widths: Vec<usize> = columns.iter().map(|column| width(column, pool.reference_size())).collect();
        let (row_length, length) = (widths.iter().sum(), data.as_ref().len());
        if row_length > 0 && !length.is_multiple_of(row_length) {
            findings.tolerate(DatabaseError::TableLength { table: name.to_owned(), length, row_length })?;
        }
        let count = length.checked_div(row_length).unwrap_or(0);
        Ok(Self { name, columns, data, pool, widths, count })
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Some of the rows as a table.
    pub fn decode(&self, rows: Range<usize>, findings: &Findings) -> Result<Table, DatabaseError> {
        let mut table = Table::new(self.name, self.columns.to_vec());
        table.reserve(rows.len());
        for row in rows {
            table.push(self.values(row, findings)?);
        }
        Ok(table)
    }

    /// The columns.
    pub fn columns(&self) -> &'d [Column] {
        self.columns
    }

    /// The values of a row.
    pub fn values(&self, row: usize, findings: &Findings) -> Result<Vec<Value>, DatabaseError> {
        self.first_values(row, self.columns.len(), findings)
    }

    /// The first values of a row, such as those of its key.
    pub fn first_values(
        &self,
        row: usize,
        count: usize,
        findings: &Findings,
    ) -> Result<Vec<Value>, DatabaseError> {
        let mut values = Vec::with_capacity(count);
        for (column, string) in self.columns.iter().zip(self.numbers(row)).take(count) {
            values.push(match value(column, string, self.pool, findings)? {
                Some(value) => value,
                None => {
                    let (table, column) = (self.name.to_owned(), column.name.clone());
                    findings.tolerate(DatabaseError::StringReference { table, column, row, string })?;
                    Value::Null
                }
            });
        }
        Ok(values)
    }

    /// Whether a row is stored with the same values as one of another table; both have the same columns and code page.
    pub fn is_stored_as(&self, row: usize, other: &Self, other_row: usize) -> bool {
        let pairs = self.numbers(row).zip(other.numbers(other_row));
        self.columns.iter().zip(pairs).all(|(column, (one, two))| match column.kind {
            ColumnType::Text(_) => self.pool.bytes(one) == other.pool.bytes(two),
            _ => one == two,
        })
    }

    /// The stored numbers of a row.
    fn numbers(&self, row: usize) -> impl Iterator<Item = u32> {
        let mut start = 0;
        self.widths.iter().map(move |width| {
            let place = start + row * width;
            start += self.count * width;
            number(self.data.as_ref(), place, *width)
        })
    }
}

/// The value of a stored number; nothing when it refers to a string that is not there.
pub(crate) fn value(
    column: &Column,
    stored: u32,
    pool: &StringPool,
    findings: &Findings,
) -> Result<Option<Value>, DatabaseError> {
    Ok(Some(match column.kind {
        _ if stored == 0 => Value::Null,
        ColumnType::Short => Value::Integer(stored as i32 - SHORT_OFFSET),
        ColumnType::Long => Value::Integer(stored.wrapping_sub(LONG_OFFSET) as i32),
        ColumnType::Stream => Value::Stream,
        ColumnType::Text(_) => match pool.text(stored, findings)? {
            Some(text) if text.is_empty() => Value::Null,
            Some(text) => Value::Text(text),
            None => return Ok(None),
        },
    }))
}

/// How many bytes a row takes.
pub(crate) fn row_length(columns: &[Column], pool: &StringPool) -> u64 {
    columns.iter().map(|column| width(column, pool.reference_size()) as u64).sum()
}

/// A table whose strings have provisional numbers, since others may come.
pub(crate) struct Numbered<'t> {
    table: &'t Table,
    /// Row by row.
    numbers: Vec<u32>,
    /// The places of the rows in the table that they come from.
    places: Vec<u32>,
}

impl<'t> Numbered<'t> {
    /// Turns the values of a table into numbers, adding its strings to the pool.
    pub fn new(table: &'t Table, pool: &mut StringPoolBuilder) -> Result<Self, DatabaseError> {
        let columns = table.persistent_columns();
        let mut numbers = Vec::with_capacity(table.len() * columns.len());
        let mut places = Vec::with_capacity(table.len());
        for (place, row) in table.rows().enumerate().filter(|(_, row)| !row.is_temporary()) {
            for (column, value) in columns.iter().zip(row.values()) {
                numbers.push(encode(table, column, place, value, pool)?);
            }
            places.push(place as u32);
        }
        Ok(Self { table, numbers, places })
    }

    /// The table's name.
    pub fn name(&self) -> &'t str {
        self.table.name()
    }

    /// The data as stored, with the final numbers of strings.
    pub fn write(
        mut self,
        strings: &[u32],
        reference_size: usize,
        findings: &Findings,
    ) -> Result<Vec<u8>, DatabaseError> {
        let columns = self.table.persistent_columns();
        for (number, column) in self.numbers.iter_mut().zip(columns.iter().cycle()) {
            if is_text(column) {
                *number = strings.get(*number as usize).copied().unwrap_or_default();
            }
        }
        // Windows Installer keeps rows in the order of their keys as stored; every package made by it has
        // them so.
        let keys = columns.iter().take_while(|column| column.key).count();
        let start = |row: u32| row as usize * columns.len();
        let key = |row: u32| self.numbers.get(start(row)..start(row) + keys);
        let mut order: Vec<u32> = (0..self.places.len() as u32).collect();
        order.sort_by(|left, right| key(*left).cmp(&key(*right)));
        for pair in order.windows(2) {
            let [left, right] = pair else { continue };
            if keys > 0 && key(*left) == key(*right) {
                let place = self.places.get(*right as usize).map_or(0, |place| *place as usize);
                let key = self.table.row(place).map(|row| row.key()).unwrap_or_default();
                findings.tolerate(DatabaseError::DuplicateKey { table: self.name().to_owned(), key })?;
            }
        }
        let mut data = Vec::new();
        for (position, column) in columns.iter().enumerate() {
            let width = width(column, reference_size);
            for row in &order {
                let bytes =
                    self.numbers.get(start(*row) + position).copied().unwrap_or_default().to_le_bytes();
                data.extend_from_slice(bytes.get(..width).unwrap_or(&bytes));
            }
        }
        Ok(data)
    }
}

fn is_text(column: &Column) -> bool {
    matches!(column.kind, ColumnType::Text(_))
}

/// The stored number of a value; for a text, its provisional number.
pub(crate) fn encode(
    table: &Table,
    column: &Column,
    row: usize,
    value: &Value,
    pool: &mut StringPoolBuilder,
) -> Result<u32, DatabaseError> {
    let place = || (table.name().to_owned(), column.name.clone());
    match (column.kind, value) {
        (_, Value::Null) => Ok(0),
        (ColumnType::Text(_), Value::Text(text)) => Ok(pool.refer(text)),
        (ColumnType::Stream, Value::Stream) => Ok(1),
        (ColumnType::Short, &Value::Integer(number)) if (-0x7FFF..=0x7FFF).contains(&number) => {
            Ok((number + SHORT_OFFSET) as u32)
        }
        (ColumnType::Long, &Value::Integer(number)) if number != i32::MIN => {
            Ok((number as u32).wrapping_add(LONG_OFFSET))
        }
        (ColumnType::Short | ColumnType::Long, &Value::Integer(value)) => {
            let (table, column) = place();
            Err(DatabaseError::OutOfRange { table, column, row, value })
        }
        _ => {
            let (table, column) = place();
            Err(DatabaseError::WrongKind { table, column, row })
        }
    }
}

/// How many bytes a value takes.
pub(crate) fn width(column: &Column, reference_size: usize) -> usize {
    match column.kind {
        ColumnType::Text(_) => reference_size,
        ColumnType::Short | ColumnType::Stream => 2,
        ColumnType::Long => 4,
    }
}

/// A stored number of 2, 3 or 4 bytes; 0 when the data ends before it.
pub(crate) fn number(data: &[u8], offset: usize, width: usize) -> u32 {
    let stored = match width {
        2 => u16_at(data, offset).map(u32::from),
        3 => u16_at(data, offset)
            .zip(data.get(offset + 2))
            .map(|(low, high)| u32::from(low) | (u32::from(*high) << 16)),
        _ => u32_at(data, offset),
    };
    stored.unwrap_or_default()
}
