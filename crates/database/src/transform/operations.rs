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

const ADDED: u16 = 1;
const MASK_WIDTH: usize = 2;
/// A mask has bits for so many columns. How columns after them are changed in wider tables is not known; Wine reads masks
/// of two bytes there as well.
const MASKED_COLUMNS: usize = u16::BITS as usize;
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
        let mask = reader.number(MASK_WIDTH)? as u16;
        if mask & ADDED != 0 {
            let count = usize::from(mask >> 8);
            let added = columns.get(..count).filter(|_| count >= keys);
            let added = added.ok_or_else(|| reader.column_count(count, columns.len()))?;
            let values = added.iter().map(|column| reader.value(column)).collect::<Result<_, _>>()?;
            operations.push(Operation::Insert(values));
        } else {
            let used = (u16::BITS - mask.leading_zeros()) as usize;
            if used > columns.len() {
                return Err(reader.column_count(used, columns.len()));
            }
            let mut key = Vec::with_capacity(keys);
            let mut values = Vec::with_capacity(mask.count_ones() as usize);
            for (place, column) in columns.iter().enumerate() {
                if place < keys {
                    key.push(reader.value(column)?);
                } else if place < used && mask >> place & 1 != 0 {
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
        self.mask(ADDED | (columns.len() as u16) << 8);
        self.values(table, place, columns.len(), |_| true, pool)
    }

    /// Gives the row of `table` at this place its values in the columns of the mask.
    pub fn update(
        &mut self,
        table: &Table,
        place: usize,
        mask: u16,
        pool: &mut StringPoolBuilder,
    ) -> Result<(), DatabaseError> {
        let columns = table.persistent_columns();
        let keys = key_columns(columns);
        self.mask(mask);
        let masked = |column: usize| column < MASKED_COLUMNS && mask >> column & 1 != 0;
        self.values(table, place, columns.len(), |column| column < keys || masked(column), pool)
    }

    /// Deletes the row that is in `table` at this place.
    pub fn delete(
        &mut self,
        table: &Table,
        place: usize,
        pool: &mut StringPoolBuilder,
    ) -> Result<(), DatabaseError> {
        self.mask(0);
        self.values(table, place, key_columns(table.persistent_columns()), |_| true, pool)
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

    fn mask(&mut self, mask: u16) {
        self.parts.push(Part::Number(mask.into(), MASK_WIDTH));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reading;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind, key: bool| Column {
            name: name.to_owned(),
            kind,
            nullable: !key,
            key,
            localizable: false,
        };
        vec![
            column("Name", ColumnType::Text(72), true),
            column("Place", ColumnType::Short, true),
            column("Size", ColumnType::Long, false),
            column("Note", ColumnType::Text(0), false),
        ]
    }

    fn read(data: &[u8]) -> Result<Vec<Operation>, TransformError> {
        // Two strings, "a" and "bc".
        let pool = [0, 0, 0, 0, 1, 0, 1, 0, 2, 0, 1, 0];
        let findings = Findings::new(Reading::Strict);
        let pool = StringPool::read(&pool, b"abc".to_vec(), &findings).unwrap();
        decode("T", &columns(), data, &pool, &findings)
    }

    #[test]
    fn each_operation_is_told_by_its_mask() {
        let (a, bc) = (Value::from("a"), Value::from("bc"));
        let row = [1, 4, 1, 0, 5, 0x80, 1, 0, 1, 0x80, 2, 0];
        let all = vec![a.clone(), Value::Integer(5), Value::Integer(0x1_0001), bc.clone()];
        assert_eq!(read(&row).unwrap(), [Operation::Insert(all)]);
        let fewer = [1, 2, 2, 0, 0, 0, 0, 0, 1, 0, 5, 0x80];
        assert_eq!(
            read(&fewer).unwrap(),
            [
                Operation::Insert(vec![bc.clone(), Value::Null]),
                Operation::Delete(vec![a.clone(), Value::Integer(5)])
            ]
        );
        // Values of the key are there, whether or not their bits are set.
        for mask in [8, 10] {
            let key = vec![a.clone(), Value::Integer(-1)];
            let values = vec![(3, bc.clone())];
            assert_eq!(
                read(&[mask, 0, 1, 0, 0xFF, 0x7F, 2, 0]).unwrap(),
                [Operation::Update { key, values }]
            );
        }
    }

    #[test]
    fn damage_is_named_with_its_place() {
        for (data, expected) in [
            (&[1][..], "transform, table 'T', operation 0: 2 bytes at offset 0 go beyond the 1 bytes"),
            (
                &[0, 0, 1, 0, 5, 0x80, 4, 0, 1],
                "transform, table 'T', operation 1: 2 bytes at offset 8 go beyond the 9 bytes",
            ),
            (&[1, 5], "transform, table 'T', operation 0: 5 columns, but the table has 4"),
            (&[1, 1, 1, 0], "transform, table 'T', operation 0: 1 columns, but the table has 4"),
            (&[0, 0x80], "transform, table 'T', operation 0: 16 columns, but the table has 4"),
            (&[1, 2, 9, 0, 0, 0], "transform, table 'T', operation 0, column 'Name': there is no string 9"),
        ] {
            assert_eq!(read(data).unwrap_err().to_string(), expected);
        }
    }
}
