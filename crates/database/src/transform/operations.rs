//! The data of a table in a transform: a list of operations on its rows.
//!
//! This layout is not documented; it was found from transforms in the wild and is described in `docs/transforms.md`.
//! Each operation starts with a mask. Its lowest bit says that a row is added: the second byte is then the number of
//! columns, whose values follow. Else the values of the key follow, and those of the columns whose bits are set; no bit
//! set deletes the row. Values are stored as in a table, with the strings of the transform's own pool.

use super::TransformError;
use crate::findings::Findings;
use crate::string_pool::{StringPool, StringPoolBuilder};
use crate::table_data;
use crate::{Column, ColumnType, DatabaseError, Table, Value};

const ADDED: u32 = 1;
/// A mask of two bytes has bits for so many columns; wider tables have masks of four.
const SHORT_MASK_COLUMNS: usize = 16;
/// A table has at most so many columns.
pub(super) const MOST_COLUMNS: usize = 32;

/// A change of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A row with these values is added; values missing at the end are null.
    Insert(Vec<Value>),
    /// The row with this key gets values, by the places of their columns.
    Update { key: Vec<Value>, values: Vec<(usize, Value)> },
    /// The row with this key is deleted.
    Delete(Vec<Value>),
}

impl Operation {
    /// The values of the row's primary key, which has so many columns.
    pub fn key(&self, columns: usize) -> &[Value] {
        match self {
            Self::Insert(values) => values.get(..columns).unwrap_or_default(),
            Self::Update { key, .. } | Self::Delete(key) => key,
        }
    }
}

/// How many columns are the primary key.
pub(super) fn key_columns(columns: &[Column]) -> usize {
    columns.iter().take_while(|column| column.key).count()
}

fn mask_width(columns: &[Column]) -> usize {
    if columns.len() > SHORT_MASK_COLUMNS { 4 } else { 2 }
}

/// Reads the operations on a table with these columns.
pub(super) fn decode(
    table: &str,
    columns: &[Column],
    data: &[u8],
    pool: &StringPool,
    findings: &Findings,
) -> Result<Vec<Operation>, TransformError> {
    let mut reader = Reader { table, data, pool, findings, offset: 0, operation: 0 };
    let mut operations = Vec::new();
    let keys = key_columns(columns);
    while reader.offset < data.len() {
        let mask = reader.number(mask_width(columns))?;
        if mask & ADDED != 0 {
            let count = (mask >> 8 & 0xFF) as usize;
            let added = columns.get(..count).filter(|_| count >= keys);
            let added = added.ok_or_else(|| reader.column_count(count, columns.len()))?;
            let values = added.iter().map(|column| reader.value(column)).collect::<Result<_, _>>()?;
            operations.push(Operation::Insert(values));
        } else {
            let used = (u32::BITS - mask.leading_zeros()) as usize;
            if used > columns.len() {
                return Err(reader.column_count(used, columns.len()));
            }
            let mut key = Vec::with_capacity(keys);
            let mut values = Vec::with_capacity(mask.count_ones() as usize);
            for (place, column) in columns.iter().enumerate() {
                if place < keys {
                    key.push(reader.value(column)?);
                } else if mask >> place & 1 != 0 {
                    values.push((place, reader.value(column)?));
                }
            }
            operations.push(if mask == 0 {
                Operation::Delete(key)
            } else {
                Operation::Update { key, values }
            });
        }
        reader.operation += 1;
    }
    Ok(operations)
}

struct Reader<'d> {
    table: &'d str,
    data: &'d [u8],
    pool: &'d StringPool,
    findings: &'d Findings,
    offset: usize,
    operation: usize,
}

impl Reader<'_> {
    fn number(&mut self, width: usize) -> Result<u32, TransformError> {
        let (offset, length) = (self.offset, self.data.len());
        if length - offset < width {
            let (table, operation) = (self.table.to_owned(), self.operation);
            return Err(TransformError::Truncated { table, operation, offset, needed: width, length });
        }
        self.offset += width;
        Ok(table_data::number(self.data, offset, width))
    }

    fn value(&mut self, column: &Column) -> Result<Value, TransformError> {
        let stored = self.number(table_data::width(column, self.pool.reference_size()))?;
        table_data::value(column, stored, self.pool, self.findings)?.ok_or_else(|| {
            TransformError::StringReference {
                table: self.table.to_owned(),
                operation: self.operation,
                column: column.name.clone(),
                string: stored,
            }
        })
    }

    fn column_count(&self, got: usize, expected: usize) -> TransformError {
        let (table, operation) = (self.table.to_owned(), self.operation);
        TransformError::ColumnCount { table, operation, got, expected }
    }
}

/// Collects operations on one table as they will be stored.
#[derive(Debug, Default)]
pub(super) struct OperationWriter {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Number(u32, usize),
    /// The provisional number of a string.
    Text(u32),
}

impl OperationWriter {
    /// Adds a row of `table`, at this place.
    pub fn insert(
        &mut self,
        table: &Table,
        place: usize,
        pool: &mut StringPoolBuilder,
    ) -> Result<(), DatabaseError> {
        let columns = table.persistent_columns();
        self.mask(ADDED | (columns.len() as u32) << 8, columns);
        self.values(table, place, columns.len(), |_| true, pool)
    }

    /// Gives the row of `table` at this place its values in the columns of the mask.
    pub fn update(
        &mut self,
        table: &Table,
        place: usize,
        mask: u32,
        pool: &mut StringPoolBuilder,
    ) -> Result<(), DatabaseError> {
        let columns = table.persistent_columns();
        let keys = key_columns(columns);
        self.mask(mask, columns);
        self.values(table, place, columns.len(), |column| column < keys || mask >> column & 1 != 0, pool)
    }

    /// Deletes the row that is in `table` at this place; the table may get more columns, which make `width`
    /// of them.
    pub fn delete(
        &mut self,
        table: &Table,
        place: usize,
        columns: &[Column],
        pool: &mut StringPoolBuilder,
    ) -> Result<(), DatabaseError> {
        self.mask(0, columns);
        self.values(table, place, key_columns(columns), |_| true, pool)
    }

    /// Whether there is no operation.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The data as stored, with the final numbers of strings.
    pub fn write(&self, strings: &[u32], reference_size: usize) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.parts.len() * 2);
        for part in &self.parts {
            let (number, width) = match *part {
                Part::Number(number, width) => (number, width),
                Part::Text(text) => (strings.get(text as usize).copied().unwrap_or_default(), reference_size),
            };
            data.extend(number.to_le_bytes().iter().take(width));
        }
        data
    }

    fn mask(&mut self, mask: u32, columns: &[Column]) {
        self.parts.push(Part::Number(mask, mask_width(columns)));
    }

    fn values(
        &mut self,
        table: &Table,
        place: usize,
        count: usize,
        wanted: impl Fn(usize) -> bool,
        pool: &mut StringPoolBuilder,
    ) -> Result<(), DatabaseError> {
        let Some(row) = table.row(place) else { return Ok(()) };
        let pairs = table.persistent_columns().iter().zip(row.values()).take(count).enumerate();
        for (_, (column, value)) in pairs.filter(|(position, _)| wanted(*position)) {
            let number = table_data::encode(table, column, place, value, pool)?;
            self.parts.push(match column.kind {
                ColumnType::Text(_) => Part::Text(number),
                // A string takes the reference size, whatever else is the same for every pool.
                _ => Part::Number(number, table_data::width(column, 0)),
            });
        }
        Ok(())
    }
}
