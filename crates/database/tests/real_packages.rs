//! Real packages: reading them, and agreement with `msiinfo`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use reseat_database::{Database, DatabaseKind, Reading, Row, Table, Value};
use support::{file_name, is_installed, msiinfo_export, packages};

#[test]
fn every_package_is_read_strictly_and_wholly() {
    for path in packages() {
        let database =
            Database::open(&path, Reading::Strict).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        for name in database.table_names().unwrap() {
            let table = database.table(&name).unwrap_or_else(|error| panic!("{path:?}: {error}")).unwrap();
            let streams = table.rows().filter(|row| row.values().contains(&Value::Stream));
            for row in streams.filter(|_| database.kind() != DatabaseKind::Patch) {
                assert!(
                    database.stream(&row.stream_name()).unwrap().is_some(),
                    "{path:?}: {}",
                    row.stream_name()
                );
            }
        }
        for name in database.stream_names() {
            let stream = database.stream(&name).unwrap().unwrap();
            assert_eq!(stream.to_bytes().unwrap().len() as u64, stream.len(), "{path:?}: {name}");
        }
        for name in database.storage_names() {
            assert_eq!(
                database.storage(&name).unwrap().unwrap().kind(),
                DatabaseKind::Transform,
                "{path:?}: {name}"
            );
        }
        assert!(database.summary().unwrap().package_code().is_some(), "{path:?}");
        assert!(database.warnings().is_empty(), "{path:?}: {:?}", database.warnings());
    }
}

#[test]
fn every_table_equals_what_msiinfo_exports() {
    if !is_installed("msiinfo") {
        return;
    }
    let (mut compared, mut different) = (0, Vec::new());
    for path in packages() {
        let database = Database::open(&path, Reading::Strict).unwrap();
        for name in database.table_names().unwrap() {
            let table = database.table(&name).unwrap().unwrap();
            let expected = msiinfo_export(&path, &name);
            // msiinfo takes numbers with a stored width of 1 (`i1`) for numbers of four bytes.
            if expected
                .lines()
                .nth(1)
                .is_some_and(|types| types.split('\t').any(|kind| matches!(kind, "i1" | "I1")))
            {
                continue;
            }
            if as_msiinfo(&table) != expected {
                let ours = as_msiinfo(&table);
                let line =
                    ours.split("\r\n").zip(expected.split("\r\n")).find(|(ours, theirs)| ours != theirs);
                different.push(format!("{}: {name}: {line:?}", file_name(&path)));
            }
            compared += 1;
        }
    }
    println!("compared {compared} tables");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// The table as `msiinfo` writes it: control characters as they are, and the names of streams.
fn as_msiinfo(table: &Table) -> String {
    let mut lines = Vec::new();
    for row in table.rows() {
        let cells: Vec<String> = row.values().iter().map(|value| cell(row, value)).collect();
        lines.push(cells.join("\t"));
    }
    let archive = String::from_utf8(reseat_database::archive::export(table, 65001).unwrap()).unwrap();
    let head: Vec<&str> = archive.lines().take(3).collect();
    // It does not tell the code page of text that is not ASCII.
    let mut text = head.join("\r\n").replacen("65001\t", "", 1) + "\r\n";
    for line in lines {
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text
}

fn cell(row: Row<'_>, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Stream => row.stream_name(),
    }
}
