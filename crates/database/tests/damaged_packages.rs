//! Damaged packages: reading ends, with a result or an error, in bounded time and memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use reseat_database::{Column, ColumnType, Database, Reading, Table};
use support::damage::{Numbers, damage};
use support::{file_name, packages};

fn read_everything(bytes: Vec<u8>, reading: Reading) -> bool {
    let Ok(database) = Database::from_bytes(bytes, reading) else { return false };
    for name in database.table_names().unwrap_or_default() {
        _ = database.table(&name);
    }
    for name in database.stream_names() {
        _ = database.stream(&name).map(|stream| stream.map(|stream| stream.to_bytes()));
    }
    for name in database.storage_names() {
        _ = database.storage(&name);
    }
    _ = database.summary();
    true
}

#[test]
fn thousands_of_damaged_packages_are_read_without_harm() {
    let packages: Vec<_> = packages()
        .into_iter()
        .map(|path| (std::fs::read(&path).unwrap(), path))
        .filter(|(bytes, _)| bytes.len() < 300_000)
        .collect();
    if packages.is_empty() {
        return;
    }
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let start = Instant::now();
    let (mut runs, mut readable, mut slowest) = (0_usize, 0, Duration::ZERO);
    while runs < 3000 && start.elapsed() < Duration::from_secs(20) {
        let (bytes, path) = &packages[runs % packages.len()];
        let mut bytes = bytes.clone();
        damage(&mut bytes, &mut numbers);
        for reading in [Reading::Strict, Reading::Permissive] {
            let began = Instant::now();
            readable += usize::from(read_everything(bytes.clone(), reading));
            slowest = slowest.max(began.elapsed());
            assert!(began.elapsed() < Duration::from_secs(5), "{}, run {runs}", file_name(path));
        }
        runs += 1;
    }
    println!("{runs} damaged packages, {readable} of {} readable, slowest {slowest:?}", 2 * runs);
    assert!(runs >= 1000, "only {runs} runs within the time");
}

#[test]
fn every_cut_of_a_small_package_is_read_without_harm() {
    let Some(path) = packages().into_iter().find(|path| file_name(path) == "psmsi-example.mst") else {
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    for length in 0..bytes.len() {
        for reading in [Reading::Strict, Reading::Permissive] {
            read_everything(bytes[..length].to_vec(), reading);
        }
    }
}

#[test]
fn a_package_that_ends_early_keeps_the_tables_that_it_has() {
    let mut database = Database::create();
    let key =
        Column { name: "C".into(), kind: ColumnType::Long, nullable: false, key: true, localizable: false };
    let mut table = Table::new("T", vec![key]);
    (0..2000).for_each(|number| table.push(vec![number.into()]));
    database.put_table(table);
    database.put_stream("big", vec![1; 100_000]);
    let bytes = database.write(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
    let mut partly = 0;
    for length in (0..bytes.len()).step_by(512) {
        let Ok(cut) = Database::from_bytes(bytes[..length].to_vec(), Reading::Permissive) else { continue };
        let has_table = matches!(cut.table("T"), Ok(Some(table)) if table.len() == 2000);
        let stream = cut.stream("big").map(|stream| stream.unwrap().to_bytes());
        partly += usize::from(has_table && !matches!(stream, Ok(Ok(_))));
    }
    assert!(partly > 0);
}
