//! The transform from one database to another, applied to the first, gives the second.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;
use reseat_database::transform::{ErrorConditions, MakeOptions};
use reseat_database::{Column, ColumnType, Database, Reading, Table, Transform, Value};

/// A table as it may differ in two databases.
#[derive(Debug, Clone)]
struct Shape {
    keys: Vec<ColumnType>,
    columns: Vec<ColumnType>,
    /// How many columns each database lacks at the end, or that it lacks the table.
    missing: [Option<usize>; 2],
    rows: [Vec<Vec<Value>>; 2],
    streams: [Vec<u8>; 2],
}

fn kind() -> impl Strategy<Value = ColumnType> {
    prop_oneof![Just(ColumnType::Short), Just(ColumnType::Long), Just(ColumnType::Text(0))]
}

fn value(kind: ColumnType) -> BoxedStrategy<Value> {
    match kind {
        ColumnType::Short => {
            prop::option::of(prop_oneof![-2..3_i32, -0x7FFF..=0x7FFF]).prop_map(Value::from).boxed()
        }
        ColumnType::Long => {
            prop::option::of(prop_oneof![-2..3_i32, -i32::MAX..=i32::MAX]).prop_map(Value::from).boxed()
        }
        ColumnType::Text(_) => "[a-cü]{0,2}".prop_map(|text| text.as_str().into()).boxed(),
        ColumnType::Stream => {
            prop::bool::ANY.prop_map(|present| if present { Value::Stream } else { Value::Null }).boxed()
        }
    }
}

/// Values of a key are few, so that rows meet.
fn key_value(kind: ColumnType) -> BoxedStrategy<Value> {
    match kind {
        ColumnType::Text(_) => "[a-c]{1,2}".prop_map(|text| text.as_str().into()).boxed(),
        _ => (-1..3).prop_map(Value::Integer).boxed(),
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    (prop::collection::vec(kind(), 1..3), prop::collection::vec(kind(), 0..22), prop::bool::ANY)
        .prop_flat_map(|(keys, mut columns, stream)| {
            if stream {
                columns.push(ColumnType::Stream);
            }
            let row: Vec<BoxedStrategy<Value>> = keys
                .iter()
                .map(|kind| key_value(*kind))
                .chain(columns.iter().map(|kind| value(*kind)))
                .collect();
            let rows = || prop::collection::vec(row.clone(), 0..7);
            let limit = columns.len().min(3) + 1;
            // The second database has at least the columns of the first: others cannot be expressed.
            let missing = (prop::option::weighted(0.8, 0..limit), prop::option::weighted(0.8, 0..limit));
            let streams = (prop::collection::vec(0..2_u8, 0..2), prop::collection::vec(0..2_u8, 0..2));
            (Just(keys), Just(columns), missing, rows(), rows(), streams)
        })
        .prop_map(|(keys, columns, (old, new), before, after, streams)| {
            let new = match (old, new) {
                (Some(old), Some(new)) => Some(new.min(old)),
                (_, new) => new,
            };
            Shape {
                keys,
                columns,
                missing: [old, new],
                rows: [before, after],
                streams: [streams.0, streams.1],
            }
        })
}

fn database(shapes: &[Shape], side: usize) -> Database {
    let mut database = Database::create();
    database.set_code_page(1252);
    for (number, shape) in shapes.iter().enumerate() {
        let Some(missing) = shape.missing[side] else { continue };
        let mut columns = Vec::new();
        for (place, kind) in shape.keys.iter().chain(&shape.columns).enumerate() {
            let key = place < shape.keys.len();
            let name = format!("C{place}");
            columns.push(Column { name, kind: *kind, nullable: !key, key, localizable: place == 3 });
        }
        columns.truncate(columns.len() - missing);
        let width = columns.len();
        let mut table = Table::new(format!("T{number}"), columns);
        // One row for each key.
        let rows: BTreeMap<String, &Vec<Value>> =
            shape.rows[side].iter().map(|row| (format!("{:?}", &row[..shape.keys.len()]), row)).collect();
        for row in rows.into_values() {
            let mut row = row.clone();
            row.truncate(width);
            let stream = row.contains(&Value::Stream);
            table.push(row);
            if stream {
                let name = table.rows().next_back().unwrap().stream_name();
                database.put_stream(&name, shape.streams[side].clone());
            }
        }
        database.put_table(table);
    }
    let bytes = database.write(Cursor::new(Vec::new())).unwrap().into_inner();
    Database::from_bytes(bytes, Reading::Strict).unwrap()
}

fn content(database: &Database) -> BTreeMap<String, String> {
    let mut content = BTreeMap::new();
    for name in database.table_names().unwrap() {
        let table = database.table(&name).unwrap().unwrap();
        let mut rows: Vec<String> = table.rows().map(|row| format!("{:?}", row.values())).collect();
        rows.sort();
        content.insert(name, format!("{:?} {rows:?}", table.columns()));
    }
    for name in database.stream_names() {
        let bytes = database.stream(&name).unwrap().unwrap().to_bytes().unwrap();
        content.insert(format!("stream {name}"), format!("{bytes:?}"));
    }
    content
}

proptest! {
    #[test]
    fn a_transform_gives_the_database_that_it_was_made_for(shapes in prop::collection::vec(shape(), 1..4)) {
        let (mut old, new) = (database(&shapes, 0), database(&shapes, 1));
        let transform = Transform::make(&old, &new, MakeOptions::default()).unwrap();
        prop_assert_eq!(transform.is_empty(), content(&old) == content(&new));
        prop_assert_eq!(transform.describe(&old).unwrap().is_empty(), transform.is_empty());
        let met = old.apply_transform(&transform, ErrorConditions::NONE).unwrap();
        prop_assert!(met.is_empty());
        prop_assert_eq!(content(&old), content(&new));
        let bytes = old.write(Cursor::new(Vec::new())).unwrap().into_inner();
        prop_assert_eq!(content(&Database::from_bytes(bytes, Reading::Strict).unwrap()), content(&new));
        // Twice is once, when what was done before is overlooked.
        old.apply_transform(&transform, ErrorConditions::ALL).unwrap();
        prop_assert_eq!(content(&old), content(&new));
    }
}
