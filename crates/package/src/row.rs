//! Reading the rows of a table into typed rows.
//!
//! A typed row is a struct with one field for each column; what a field's type accepts is its [`Cell`]
//! implementation. What a database stores wrongly is reported with table, row and column.

use std::sync::Arc;

use reseat_database::{ComponentId, Guid, ProductCode, Row, UpgradeCode, Value};

/// A text out of the database; copies share the string pool's memory.
pub type Text = Arc<str>;

/// A row that does not hold what the documentation of its table asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A column that has to have a value is null.
    #[error("table {table}, row '{row}': column {column} is null, expected {expected}")]
    Null {
        /// The table.
        table: &'static str,
        /// The row's primary key.
        row: String,
        /// The column.
        column: &'static str,
        /// What the column holds.
        expected: &'static str,
    },
    /// A column holds another type than it should.
    #[error("table {table}, row '{row}': column {column} is {got}, expected {expected}")]
    WrongType {
        /// The table.
        table: &'static str,
        /// The row's primary key.
        row: String,
        /// The column.
        column: &'static str,
        /// The value found.
        got: String,
        /// What the column holds.
        expected: &'static str,
    },
    /// A column's value breaks the rules of its category.
    #[error("table {table}, row '{row}': column {column} is '{got}': {reason}")]
    Invalid {
        /// The table.
        table: &'static str,
        /// The row's primary key.
        row: String,
        /// The column.
        column: &'static str,
        /// The value found.
        got: String,
        /// The rule that it breaks.
        reason: String,
    },
}

/// Why one value could not be read; [`read_cell`] adds where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellError {
    /// Null or of another type; names what is expected.
    Expected(&'static str),
    /// The right type, but against a rule.
    Rule(String),
}

/// A type that a column's value can be read as.
pub trait Cell: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// When it is null or of another type, or breaks a rule of its category.
    fn read(value: &Value) -> Result<Self, CellError>;
}

/// A table's row as a type.
pub trait TableRow: Sized + Send + Sync + 'static {
    /// The table's name.
    const TABLE: &'static str;

    /// Reads one row.
    ///
    /// # Errors
    /// When a column's value is missing, of another type, or against the rules of its category.
    fn read(row: &Row<'_>) -> Result<Self, RowError>;
}

/// Reads one column of a row.
///
/// # Errors
/// As [`TableRow::read`].
pub fn read_cell<C: Cell>(table: &'static str, row: &Row<'_>, column: &'static str) -> Result<C, RowError> {
    let value = row.value(column);
    C::read(value).map_err(|error| {
        let row = row.key();
        match (error, value) {
            (CellError::Expected(expected), Value::Null) => RowError::Null { table, row, column, expected },
            (CellError::Expected(expected), value) => {
                RowError::WrongType { table, row, column, got: describe(value), expected }
            }
            (CellError::Rule(reason), value) => {
                RowError::Invalid { table, row, column, got: plain(value), reason }
            }
        }
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Stream => "a stream".to_owned(),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Integer(number) => format!("the number {number}"),
        Value::Text(text) => format!("the text '{text}'"),
        Value::Null => "null".to_owned(),
        Value::Stream => "a stream".to_owned(),
    }
}

impl Cell for Text {
    fn read(value: &Value) -> Result<Self, CellError> {
        match value {
            Value::Text(text) => Ok(Arc::clone(text)),
            _ => Err(CellError::Expected("a text")),
        }
    }
}

impl Cell for i32 {
    fn read(value: &Value) -> Result<Self, CellError> {
        value.as_integer().ok_or(CellError::Expected("a number"))
    }
}

impl<C: Cell> Cell for Option<C> {
    fn read(value: &Value) -> Result<Self, CellError> {
        if *value == Value::Null { Ok(None) } else { C::read(value).map(Some) }
    }
}

/// A Boolean of the database: a number, true when it is not 0; null is false.
impl Cell for bool {
    fn read(value: &Value) -> Result<Self, CellError> {
        Ok(Option::<i32>::read(value)?.is_some_and(|number| number != 0))
    }
}

/// Whether a row has a stream; its name is what [`Row::stream_name`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasStream(pub bool);

impl Cell for HasStream {
    fn read(value: &Value) -> Result<Self, CellError> {
        Ok(Self(*value == Value::Stream))
    }
}

macro_rules! guid_cells {
    ($($name:ident),*) => {$(
        impl Cell for $name {
            fn read(value: &Value) -> Result<Self, CellError> {
                let text = value.as_text().ok_or(CellError::Expected("a GUID"))?;
                text.parse().map_err(|_| CellError::Rule("not a GUID".to_owned()))
            }
        }
    )*};
}

guid_cells!(Guid, ComponentId, ProductCode, UpgradeCode);

/// Declares a struct with one field for each column, and how to read it from a row.
macro_rules! table_row {
    ($(#[$documentation:meta])* $name:ident = $table:literal {
        $($(#[$field_documentation:meta])* $field:ident: $kind:ty = $column:literal,)*
    }) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_documentation])* pub $field: $kind,)*
        }

        impl $crate::row::TableRow for $name {
            const TABLE: &'static str = $table;

            fn read(row: &::reseat_database::Row<'_>) -> Result<Self, $crate::row::RowError> {
                Ok(Self { $($field: $crate::row::read_cell($table, row, $column)?,)* })
            }
        }
    };
}

/// Declares a set of documented bits that a number column holds; null is no bit, unknown bits are kept.
macro_rules! bit_set {
    ($(#[$documentation:meta])* $name:ident { $($(#[$bit_documentation:meta])* $bit:ident = $value:expr,)* }) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(pub i32);

        impl $name {
            $($(#[$bit_documentation])* pub const $bit: Self = Self($value);)*

            /// Whether all bits of `other` are set.
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl $crate::row::Cell for $name {
            fn read(value: &::reseat_database::Value) -> Result<Self, $crate::row::CellError> {
                Ok(Self(Option::<i32>::read(value)?.unwrap_or_default()))
            }
        }
    };
}

pub(crate) use {bit_set, table_row};

#[cfg(test)]
mod tests {
    use super::*;
    use reseat_database::{Column, ColumnType, Table};

    table_row! {
        /// A row.
        Sample = "Sample" {
            /// Key.
            key: Text = "Key",
            /// Number.
            number: i32 = "Number",
            /// Code.
            code: Option<Guid> = "Code",
        }
    }

    fn table(values: Vec<Value>) -> Table {
        let column = |name: &str, key| Column {
            name: name.to_owned(),
            kind: ColumnType::Text(0),
            nullable: true,
            key,
            localizable: false,
        };
        let mut table =
            Table::new("Sample", vec![column("Key", true), column("Number", false), column("Code", false)]);
        table.push(values);
        table
    }

    fn read(values: Vec<Value>) -> Result<Sample, String> {
        let table = table(values);
        Sample::read(&table.rows().next().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_a_row_by_column_names() {
        let row = read(vec!["A".into(), 3.into()]).unwrap();
        assert_eq!((&*row.key, row.number, row.code), ("A", 3, None));
    }

    #[test]
    fn names_table_row_and_column_of_what_is_wrong() {
        assert_eq!(
            read(vec!["A".into()]).unwrap_err(),
            "table Sample, row 'A': column Number is null, expected a number"
        );
        assert_eq!(
            read(vec!["A".into(), "x".into()]).unwrap_err(),
            "table Sample, row 'A': column Number is the text 'x', expected a number"
        );
        assert_eq!(
            read(vec!["A".into(), 1.into(), "x".into()]).unwrap_err(),
            "table Sample, row 'A': column Code is 'x': not a GUID"
        );
    }
}
