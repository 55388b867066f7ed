//! Opening package files for the commands that look into them, and how their values are shown.

use std::path::Path;

use reseat_database::{
    Column, ColumnType, Database, DatabaseError, DatabaseKind, Reading, Row, Table, Value,
};
use serde_json::json;
use std::sync::Arc;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output;

/// Opens a package; damage that leaves it readable becomes a warning, or an error with `--strict`.
pub fn open(global: &Global, path: &Path) -> Result<Database, Failure> {
    Database::open(path, reading(global)).map_err(|error| Failure::about(path, &error))
}

/// Whether damage that leaves a file readable is overlooked.
pub fn reading(global: &Global) -> Reading {
    if global.strict { Reading::Strict } else { Reading::Permissive }
}

/// Prints what was overlooked so far.
pub fn print_warnings(global: &Global, path: &Path, database: &Database) {
    if !global.quiet {
        for warning in database.warnings() {
            eprintln!("reseat: warning: {}: {}", path.display(), output::one_line(&warning));
        }
    }
}

/// The table of this name.
pub fn table(path: &Path, database: &Database, name: &str) -> Result<Arc<Table>, Failure> {
    match database.table(name) {
        Ok(Some(table)) => Ok(table),
        Ok(None) => Err(no_table(path, database, name)),
        Err(error) => Err(Failure::about(path, &error)),
    }
}

/// There is no such table; the hint names those that are alike.
fn no_table(path: &Path, database: &Database, name: &str) -> Failure {
    let failure =
        Failure::usage(format!("{}: there is no table '{}'", path.display(), output::one_line(name)));
    let names = database.table_names().unwrap_or_default();
    match names.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        Some(known) => failure.with_hint(format!("there is a table '{known}'")),
        None if database.kind() == DatabaseKind::Transform => {
            failure.with_hint("a transform holds differences of tables, not tables")
        }
        None => failure.with_hint(format!("reseat tables {} lists them", path.display())),
    }
}

/// What a file is, in words.
pub fn kind(database: &Database) -> &'static str {
    match database.kind() {
        DatabaseKind::Transform => "transform",
        DatabaseKind::Patch => "patch",
        DatabaseKind::Package if is_module(database) => "merge module",
        DatabaseKind::Package => "package",
        DatabaseKind::Other => "database",
    }
}

/// Whether it is a merge module. Packages keep the table ModuleSignature of the modules that went into them, and have a
/// product code.
pub fn is_module(database: &Database) -> bool {
    let has_product_code = || {
        let properties = database.table("Property").ok().flatten();
        properties.is_some_and(|table| table.find(&["ProductCode".into()]).is_some())
    };
    database.columns("ModuleSignature").is_some() && !has_product_code()
}

/// A value as a cell of a table in text.
pub fn cell(row: &Row<'_>, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => output::one_line(text),
        Value::Stream => format!("[{}]", output::one_line(&row.stream_name())),
    }
}

/// A value as JSON; that of a stream is its name.
pub fn json_value(stream_name: impl FnOnce() -> String, value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => json!(number),
        Value::Text(text) => json!(&**text),
        Value::Stream => json!({ "stream": stream_name() }),
    }
}

/// A column's type in the words of the query language.
pub fn column_type(kind: ColumnType) -> String {
    match kind {
        ColumnType::Short => "SHORT".to_owned(),
        ColumnType::Long => "LONG".to_owned(),
        ColumnType::Text(0) => "LONGCHAR".to_owned(),
        ColumnType::Text(width) => format!("CHAR({width})"),
        ColumnType::Stream => "OBJECT".to_owned(),
    }
}

/// A column as JSON.
pub fn json_column(column: &Column) -> serde_json::Value {
    json!({
        "name": column.name,
        "type": column_type(column.kind),
        "key": column.key,
        "nullable": column.nullable,
        "localizable": column.localizable,
    })
}

/// The number of rows of each table, in stored order.
///
/// # Errors
/// When the storage is damaged.
pub fn row_counts(database: &Database) -> Result<Vec<(String, u64)>, DatabaseError> {
    let mut counts = Vec::new();
    for name in database.table_names()? {
        let rows = database.row_count(&name)?.unwrap_or_default();
        counts.push((name, rows));
    }
    Ok(counts)
}

/// The bytes of all streams, which are nearly all of a large package.
pub fn stream_bytes(database: &Database) -> u64 {
    let names = database.stream_names();
    let streams = names.iter().filter_map(|name| database.stream(name).ok().flatten());
    streams.map(|stream| stream.len()).sum()
}
