//! What a transform does, as the rows of the `_TransformView` table (page `-transformview-table.md`).

use super::operations::{Operation, key_columns};
use super::schema::Schema;
use super::{Transform, TransformError};
use crate::catalog;
use crate::{Column, ColumnType, Database, Table, Value};

/// The name of the table.
pub const VIEW: &str = "_TransformView";

/// A change that a transform makes. Adding and dropping are changes of the columns `CREATE`, `DROP`, `INSERT` and
/// `DELETE`, which no table has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// The table.
    pub table: String,
    /// The column, or one of the four words.
    pub column: String,
    /// The row's primary key, joined by tabulators, a space for null; nothing when the change is not one of rows.
    pub row: Option<String>,
    /// The new value, the name of a stream, or the bits of the definition of a new column.
    pub data: Option<String>,
    /// The value before the change, or the number of a new column.
    pub current: Option<String>,
}

impl Transform {
    /// Describes what the transform does to a database, which gives the columns and the values before; conditions that
    /// applying it would meet are not errors here. A row that is added is followed by its values.
    ///
    /// # Errors
    /// When an operation is damaged, when the database lacks a table that is changed, or when one of its tables cannot be
    /// read.
    pub fn describe(&self, base: &Database) -> Result<Vec<Change>, TransformError> {
        let schema = Schema::read(self)?;
        let mut changes = Vec::new();
        let mut schema_change = |table: &str, column: &str, data, current| {
            let (table, column) = (table.to_owned(), column.to_owned());
            changes.push(Change { table, column, row: None, data, current });
        };
        for table in &schema.dropped {
            schema_change(table, "DROP", None, None);
        }
        for table in &schema.added {
            schema_change(table, "CREATE", None, None);
        }
        for (table, columns) in &schema.columns {
            let after = schema.columns_after(table, base.persistent_columns(table)).unwrap_or_default();
            for column in columns {
                let number = after.iter().position(|known| known.name == column.name).map(|place| place + 1);
                let definition = catalog::bits(column).to_string();
                schema_change(table, &column.name, Some(definition), number.map(|number| number.to_string()));
            }
        }
        for name in self.tables() {
            let columns = schema
                .columns_after(name, base.persistent_columns(name))
                .ok_or_else(|| TransformError::MissingTable { table: name.to_owned() })?;
            let before = base.table(name)?;
            for operation in self.operations(name, &columns)? {
                describe_row(name, &columns, before.as_deref(), operation, &mut changes);
            }
        }
        Ok(changes)
    }
}

impl Database {
    /// Adds what a transform does to the `_TransformView` table, a temporary one, without applying it: the flag
    /// `MSITRANSFORM_ERROR_VIEWTRANSFORM`. The table has the last of changes that concern the same place, and stays until
    /// `ALTER TABLE _TransformView FREE`.
    ///
    /// # Errors
    /// As for [`Transform::describe`].
    pub fn view_transform(&mut self, transform: &Transform) -> Result<(), TransformError> {
        let changes = transform.describe(self)?;
        let mut table = match self.table(VIEW)? {
            Some(table) => Table::clone(&table),
            None => {
                self.hold(VIEW);
                let mut table = Table::new(VIEW, view_columns());
                table.set_persistent(0);
                table
            }
        };
        for change in changes {
            let Change { table: name, column, row, data, current } = change;
            let [name, column] = [name, column].map(|text| Value::from(text.as_str()));
            let [row, data, current] = [row, data, current].map(|text| Value::from(text.as_deref()));
            match table.place(&[name.clone(), column.clone(), row.clone()]) {
                Some(place) => table.set(place, 3, data),
                None => table.insert(vec![name, column, row, data, current], true),
            }
        }
        self.put_table(table);
        Ok(())
    }
}

fn describe_row(
    name: &str,
    columns: &[Column],
    before: Option<&Table>,
    operation: Operation,
    changes: &mut Vec<Change>,
) {
    let keys = key_columns(columns);
    let key = operation.key(keys);
    let row = row_text(key);
    let old = before.and_then(|table| table.find(key));
    let stream = || {
        let mut table = Table::new(name, columns.to_vec());
        table.push(key.to_vec());
        table.row(0).map(|row| row.stream_name())
    };
    let mut change = |column: &str, data, current| {
        let (table, column) = (name.to_owned(), column.to_owned());
        changes.push(Change { table, column, row: Some(row.clone()), data, current });
    };
    let text = |column: &Column, value: &Value| match value {
        Value::Stream if column.kind == ColumnType::Stream => stream(),
        value => value_text(value),
    };
    match &operation {
        Operation::Insert(values) => {
            change("INSERT", None, None);
            let pairs = columns.iter().zip(values).skip(keys).filter(|(_, value)| **value != Value::Null);
            for (column, value) in pairs {
                change(&column.name, text(column, value), None);
            }
        }
        Operation::Update { values, .. } => {
            for (place, value) in values {
                let Some(column) = columns.get(*place) else { continue };
                let current = old.and_then(|row| text(column, row.value(&column.name)));
                change(&column.name, text(column, value), current);
            }
        }
        Operation::Delete(_) => change("DELETE", None, None),
    }
}

fn row_text(key: &[Value]) -> String {
    let values = key.iter().map(|value| value_text(value).unwrap_or_else(|| " ".to_owned()));
    values.collect::<Vec<_>>().join("\t")
}

fn value_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Null | Value::Stream => None,
    }
}

fn view_columns() -> Vec<Column> {
    let column = |name: &str, key, nullable| Column {
        name: name.to_owned(),
        kind: ColumnType::Text(0),
        nullable,
        key,
        localizable: false,
    };
    vec![
        column("Table", true, false),
        column("Column", true, false),
        column("Row", true, true),
        column("Data", false, true),
        column("Current", false, true),
    ]
}
