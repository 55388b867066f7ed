//! Which tables a database has, and their columns: the system tables `_Tables` and `_Columns`.
//!
//! Documented on the pages `-tables-table.md` and `-columns-table.md`. The stored `_Columns` table has a
//! fourth column, the type, whose letters are documented on `column-definition-format.md`.

use std::collections::HashMap;

use crate::findings::Findings;
use crate::string_pool::StringPool;
use crate::table_data;
use crate::{Column, ColumnType, DatabaseError, Table, Value};

pub(crate) const TABLES: &str = "_Tables";
pub(crate) const COLUMNS: &str = "_Columns";

const WIDTH: u16 = 0x00FF;
pub(crate) const VALID: u16 = 0x0100;
const LOCALIZABLE: u16 = 0x0200;
/// A value is a string reference or a number of two bytes.
const COMPACT: u16 = 0x0400;
const STRING: u16 = 0x0800;
const NULLABLE: u16 = 0x1000;
const KEY: u16 = 0x2000;
pub(crate) const KNOWN: u16 = WIDTH | VALID | LOCALIZABLE | COMPACT | STRING | NULLABLE | KEY;

/// The tables of a database, in stored order, with their columns.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    tables: Vec<(String, Vec<Column>)>,
    positions: HashMap<String, usize>,
}

impl Catalog {
    /// Reads the catalog from the data of the two system tables.
    pub fn read(
        tables: &[u8],
        columns: &[u8],
        pool: &StringPool,
        findings: &Findings,
    ) -> Result<Self, DatabaseError> {
        let mut catalog = Self::default();
        for row in table_data::decode(TABLES, &tables_columns(), tables, pool, findings)?.rows() {
            let [Value::Text(name)] = row.values() else { continue };
            let name = &**name;
            if catalog.positions.insert(name.to_owned(), catalog.tables.len()).is_some() {
                findings.tolerate(DatabaseError::Duplicate { name: name.to_owned() })?;
            }
            catalog.tables.push((name.to_owned(), Vec::new()));
        }
        let mut found: HashMap<usize, Vec<(i32, Column)>> = HashMap::new();
        for row in table_data::decode(COLUMNS, &columns_columns(), columns, pool, findings)?.rows() {
            let [Value::Text(table), Value::Integer(number), name, bits] = row.values() else { continue };
            // Rows about tables that are not listed are left over from tables that were dropped.
            let Some(&position) = catalog.positions.get(&**table) else { continue };
            let bits = bits.as_integer().unwrap_or_default() as u16;
            let name = name.as_text().unwrap_or_default();
            if bits & !KNOWN != 0 || bits & VALID == 0 {
                let (table, column) = (table.to_string(), name.to_owned());
                findings.tolerate(DatabaseError::ColumnKind { table, column, bits })?;
            }
            found.entry(position).or_default().push((*number, column(name, bits)));
        }
        for (position, (name, columns)) in catalog.tables.iter_mut().enumerate() {
            let mut numbered = found.remove(&position).unwrap_or_default();
            numbered.sort_by_key(|(number, _)| *number);
            for (expected, (got, column)) in (1..).zip(numbered) {
                if got != expected {
                    findings.tolerate(DatabaseError::ColumnNumber { table: name.clone(), got, expected })?;
                }
                columns.push(column);
            }
            if columns.is_empty() {
                findings.tolerate(DatabaseError::NoColumns { table: name.clone() })?;
            }
        }
        Ok(catalog)
    }

    /// The names of the tables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|(name, _)| name.as_str())
    }

    /// The columns of a table.
    pub fn columns(&self, table: &str) -> Option<&[Column]> {
        self.table(table).map(|(_, columns)| columns)
    }

    /// A table's name and columns.
    pub fn table(&self, name: &str) -> Option<(&str, &[Column])> {
        let (name, columns) = self.tables.get(*self.positions.get(name)?)?;
        Some((name, columns))
    }
}

/// The two system tables that describe `tables`.
pub(crate) fn describe<'t>(tables: impl Iterator<Item = (&'t str, &'t [Column])>) -> [Table; 2] {
    let mut names = Table::new(TABLES, tables_columns());
    let mut columns = Table::new(COLUMNS, columns_columns());
    for (table, list) in tables {
        names.push(vec![table.into()]);
        for (number, column) in (1..).zip(list) {
            // Types are stored as numbers without sign; none reaches the sign bit.
            columns.push(vec![
                table.into(),
                number.into(),
                column.name.as_str().into(),
                i32::from(bits(column)).into(),
            ]);
        }
    }
    [names, columns]
}

/// The column that the bits of its stored type describe.
pub(crate) fn column(name: &str, bits: u16) -> Column {
    let kind = match (bits & STRING != 0, bits & COMPACT != 0) {
        (true, true) => ColumnType::Text((bits & WIDTH) as u8),
        (true, false) => ColumnType::Stream,
        // A width of 1 occurs (type 0x1501 in packages made by WiX 4); such numbers are stored in two bytes
        // as well.
        (false, true) => ColumnType::Short,
        (false, false) => ColumnType::Long,
    };
    Column {
        name: name.to_owned(),
        kind,
        nullable: bits & NULLABLE != 0,
        key: bits & KEY != 0,
        localizable: bits & LOCALIZABLE != 0,
    }
}

/// The bits of a column's stored type (page `-transformview-table.md`).
pub(crate) fn bits(column: &Column) -> u16 {
    let kind = match column.kind {
        ColumnType::Short => COMPACT | 2,
        ColumnType::Long => 4,
        ColumnType::Text(width) => STRING | COMPACT | u16::from(width),
        ColumnType::Stream => STRING,
    };
    let flag = |set: bool, bit: u16| if set { bit } else { 0 };
    VALID
        | kind
        | flag(column.nullable, NULLABLE)
        | flag(column.key, KEY)
        | flag(column.localizable, LOCALIZABLE)
}

/// The columns of `_Tables`.
pub(crate) fn tables_columns() -> Vec<Column> {
    vec![column("Name", 0x2D40)]
}

/// The columns of `_Columns`.
pub(crate) fn columns_columns() -> Vec<Column> {
    vec![column("Table", 0x2D40), column("Number", 0x2502), column("Name", 0x0D40), column("Type", 0x0502)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_types_come_back_from_their_bits() {
        for kind in
            [0x2D48, 0x1F00, 0x0D00, 0x0502, 0x1502, 0x2502, 0x0104, 0x1104, 0x0900, 0x1900, 0x2DFF, 0x1FFF]
        {
            assert_eq!(bits(&column("C", kind)), kind, "{kind:#06x}");
        }
    }

    #[test]
    fn a_number_of_one_byte_is_a_short_one() {
        let column = column("Port", 0x1501);
        assert_eq!((column.kind, column.nullable), (ColumnType::Short, true));
    }
}
