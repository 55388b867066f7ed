//! Damaged transforms and patches: applying ends, with a result or an error, in bounded time, and an error changes
//! nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use reseat_database::transform::{ErrorConditions, MakeOptions};
use reseat_database::{Column, ColumnType, Database, Patch, Reading, Table, Transform, Value};
use support::damage::{Numbers, damage};
use support::{file_name, packages};

/// Two databases that differ in everything that a transform can express.
fn pair() -> (Database, Database) {
    let column = |name: &str, kind, key: bool| Column {
        name: name.to_owned(),
        kind,
        nullable: !key,
        key,
        localizable: false,
    };
    let columns = |count: usize| {
        let mut columns = vec![column("A", ColumnType::Text(72), true), column("B", ColumnType::Short, true)];
        let kinds = [ColumnType::Long, ColumnType::Text(0), ColumnType::Short, ColumnType::Stream];
        columns.extend((0..count).map(|number| column(&format!("C{number}"), kinds[number % 4], false)));
        columns
    };
    let table = |name: &str, width: usize, rows: std::ops::Range<i32>, salt: i32| {
        let mut table = Table::new(name, columns(width));
        for row in rows {
            let mut values = vec![Value::from(format!("row {row}").as_str()), Value::Integer(row)];
            let others: [Value; 4] = [
                (row * salt).into(),
                format!("text {}", row + salt).as_str().into(),
                salt.into(),
                Value::Null,
            ];
            values.extend(others.into_iter().cycle().take(width));
            table.push(values);
        }
        table
    };
    let (mut old, mut new) = (Database::create(), Database::create());
    for (database, salt) in [(&mut old, 3), (&mut new, 4)] {
        database.put_table(table("Wide", 20, 0..20, salt));
        database.put_table(table("Moved", 4, salt * 3..30, salt % 2));
    }
    old.put_table(table("Grown", 2, 0..5, 1));
    new.put_table(table("Grown", 3, 0..5, 1));
    old.put_table(table("Dropped", 2, 0..2, 0));
    new.put_table(table("Added", 6, 0..10, 7));
    let mut streams = table("Streams", 3, 0..2, 1);
    streams.push(vec!["stream".into(), 1.into(), Value::Null, Value::Null, Value::Null, Value::Stream]);
    new.put_table(streams);
    (old, new)
}

/// The transform with other bytes in the data of one of its tables.
fn with_damaged_table(bytes: Vec<u8>, numbers: &mut Numbers) -> Vec<u8> {
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).unwrap();
    let is_table = |entry: &cfb::Entry| entry.is_stream() && entry.name().starts_with('\u{4840}');
    let paths: Vec<_> = file.walk().filter(is_table).map(|entry| entry.path().to_owned()).collect();
    let mut stream = file.open_stream(&paths[numbers.below(paths.len())]).unwrap();
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    match numbers.below(4) {
        0 => data.truncate(numbers.below(data.len())),
        1 => data.extend((0..numbers.below(40)).map(|_| numbers.below(256) as u8)),
        _ => {
            for _ in 0..=numbers.below(4) {
                let place = numbers.below(data.len());
                let small = [0, 1, 2, 3, 4, 0x80, 0xFF];
                data[place] =
                    if numbers.below(2) == 0 { small[numbers.below(7)] } else { numbers.below(256) as u8 };
            }
        }
    }
    stream.set_len(data.len() as u64).unwrap();
    stream.seek(SeekFrom::Start(0)).unwrap();
    stream.write_all(&data).unwrap();
    drop(stream);
    file.into_inner().into_inner()
}

fn written(database: &Database) -> Vec<u8> {
    database.write(Cursor::new(Vec::new())).unwrap().into_inner()
}

/// How often a transform could be read and could be applied.
#[derive(Debug, Default)]
struct Count {
    read: usize,
    applied: usize,
    slowest: Duration,
}

fn try_transform(bytes: Vec<u8>, base: &[u8], reading: Reading, count: &mut Count) {
    let mut database = Database::from_bytes(base.to_vec(), Reading::Strict).unwrap();
    let before = written(&database);
    let began = Instant::now();
    if let Ok(transform) = Transform::from_bytes(bytes, reading) {
        count.read += 1;
        _ = transform.describe(&database).map(|changes| changes.len());
        _ = transform.check(&database);
        for overlooked in [ErrorConditions::NONE, ErrorConditions::ALL] {
            database = Database::from_bytes(base.to_vec(), Reading::Strict).unwrap();
            match database.apply_transform(&transform, overlooked) {
                Ok(_) => count.applied += 1,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    assert!(written(&database) == before, "{error}");
                }
            }
        }
        // What was applied can be written, or it is said why not.
        _ = database.write(Cursor::new(Vec::new()));
    }
    count.slowest = count.slowest.max(began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn thousands_of_damaged_transforms_are_applied_without_harm() {
    let (old, new) = pair();
    let base = written(&old);
    let whole = written(Transform::make(&old, &new, MakeOptions::default()).unwrap().database());
    let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
    let mut count = Count::default();
    let start = Instant::now();
    let mut runs = 0;
    while runs < 3000 && start.elapsed() < Duration::from_secs(30) {
        let mut bytes = whole.clone();
        if runs % 3 == 0 {
            damage(&mut bytes, &mut numbers);
        } else {
            bytes = with_damaged_table(bytes, &mut numbers);
        }
        let reading = if runs % 2 == 0 { Reading::Strict } else { Reading::Permissive };
        try_transform(bytes, &base, reading, &mut count);
        runs += 1;
    }
    println!("{runs} damaged transforms: {count:?}");
    assert!(runs >= 1000, "only {runs} runs within the time");
    assert!(count.read > runs / 2 && count.applied > 0);
}

#[test]
fn hundreds_of_damaged_patches_are_applied_without_harm() {
    let find = |name: &str| packages().into_iter().find(|path| file_name(path) == name);
    for (base, patch) in
        [("psmsi-example.msi", "psmsi-example.msp"), ("prodA-1.0.0.msi", "prodA-patch-AB.msp")]
    {
        let (Some(base), Some(patch)) = (find(base), find(patch)) else { return };
        let (base, whole) = (std::fs::read(base).unwrap(), std::fs::read(patch).unwrap());
        let mut numbers = Numbers(0x1234_5678_9ABC_DEF1);
        let mut count = Count::default();
        for run in 0..300 {
            let mut bytes = whole.clone();
            if run % 3 == 0 {
                damage(&mut bytes, &mut numbers);
            } else {
                bytes = with_damaged_table(bytes, &mut numbers);
            }
            let mut database = Database::from_bytes(base.clone(), Reading::Permissive).unwrap();
            let began = Instant::now();
            if let Ok(patch) = Patch::from_bytes(bytes, Reading::Permissive) {
                count.read += 1;
                _ = patch.sequences();
                count.applied += usize::from(patch.apply(&mut database).is_ok());
            }
            count.slowest = count.slowest.max(began.elapsed());
            assert!(began.elapsed() < Duration::from_secs(5), "run {run}");
        }
        println!("300 damaged patches: {count:?}");
        assert!(count.applied > 0 && count.applied < 300);
    }
}
