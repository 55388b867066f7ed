//! The data of a table: all values of the first column, then all of the second, and so on.
//!
//! Numbers are stored with an offset so that 0 can stand for null; texts are references into the string pool;
//! the value of a stream column only says whether there is a stream.

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
    let mut table = Table::new(name, columns.to_vec());
    let widths: Vec<usize> = columns.iter().map(|column| width(column, pool.reference_size())).collect();
    let row_length: usize = widths.iter().sum();
    if row_length == 0 {
        return Ok(table);
    }
    if !data.len().is_multiple_of(row_length) {
        findings.tolerate(DatabaseError::TableLength {
            table: name.to_owned(),
            length: data.len(),
            row_length,
        })?;
    }
    let count = data.len() / row_length;
    table.reserve(count);
    for row in 0..count {
        let mut values = Vec::with_capacity(columns.len());
        let mut start = 0;
        for (column, width) in columns.iter().zip(&widths) {
            let stored = number(data, start + row * width, *width);
            start += count * width;
            values.push(match value(column, stored, pool, findings)? {
                Some(value) => value,
                None => {
                    let (table, column) = (name.to_owned(), column.name.clone());
                    let string = stored;
                    findings.tolerate(DatabaseError::StringReference { table, column, row, string })?;
                    Value::Null
                }
            });
        }
        table.push(values);
    }
    Ok(table)
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

/// A table whose strings have provisional numbers, since others may come.
pub(crate) struct Numbered<'t> {
    table: &'t Table,
    /// Each with its place in the table that it comes from.
    rows: Vec<(Box<[u32]>, usize)>,
}

impl<'t> Numbered<'t> {
    /// Turns the values of a table into numbers, adding its strings to the pool.
    pub fn new(table: &'t Table, pool: &mut StringPoolBuilder) -> Result<Self, DatabaseError> {
        let mut rows = Vec::with_capacity(table.len());
        for (place, row) in table.rows().enumerate().filter(|(_, row)| !row.is_temporary()) {
            let pairs = table.persistent_columns().iter().zip(row.values());
            let numbers = pairs.map(|(column, value)| encode(table, column, place, value, pool));
            rows.push((numbers.collect::<Result<Box<[u32]>, _>>()?, place));
        }
        Ok(Self { table, rows })
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
        for (row, _) in &mut self.rows {
            for (number, _) in row.iter_mut().zip(columns).filter(|(_, column)| is_text(column)) {
                *number = strings.get(*number as usize).copied().unwrap_or_default();
            }
        }
        // Windows Installer keeps rows in the order of their keys as stored; every package made by it has
        // them so.
        let keys = columns.iter().take_while(|column| column.key).count();
        self.rows.sort_by(|(left, _), (right, _)| left.get(..keys).cmp(&right.get(..keys)));
        for pair in self.rows.windows(2) {
            let [(left, _), (right, place)] = pair else { continue };
            if keys > 0 && left.get(..keys) == right.get(..keys) {
                let key = self.table.row(*place).map(|row| row.key()).unwrap_or_default();
                findings.tolerate(DatabaseError::DuplicateKey { table: self.name().to_owned(), key })?;
            }
        }
        let mut data = Vec::new();
        for (position, column) in columns.iter().enumerate() {
            let width = width(column, reference_size);
            for (row, _) in &self.rows {
                let bytes = row.get(position).copied().unwrap_or_default().to_le_bytes();
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
