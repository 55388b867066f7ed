//! Text archives: any table comes back, and any bytes are an archive or an error.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use reseat_database::archive::{self, Archive};
use reseat_database::{Column, ColumnType, Database, Reading, Table, Value};

fn table() -> impl Strategy<Value = Table> {
    // The characters that stand for control characters cannot be told from them.
    let text = "[^\u{10}\u{11}\u{15}\u{18}\u{19}\u{1b}]{0,20}".prop_map(|text| Value::from(text.as_str()));
    let short = prop::option::of(-0x7FFF..=0x7FFF).prop_map(Value::from);
    let long = prop::option::of(-i32::MAX..=i32::MAX).prop_map(Value::from);
    let rows = prop::collection::btree_map("[A-Za-z_.]{1,8}", (text, short, long), 0..12);
    rows.prop_map(|rows| {
        let column = |name: &str, kind, key: bool| Column {
            name: name.into(),
            kind,
            nullable: !key,
            key,
            localizable: name == "Text",
        };
        let columns = vec![
            column("Key", ColumnType::Text(72), true),
            column("Text", ColumnType::Text(0), false),
            column("Short", ColumnType::Short, false),
            column("Long", ColumnType::Long, false),
        ];
        let mut table = Table::new("Random", columns);
        for (key, (text, short, long)) in rows {
            table.push(vec![key.as_str().into(), text, short, long]);
        }
        table
    })
}

fn values(table: &Table) -> Vec<Vec<Value>> {
    table.rows().map(|row| row.values().to_vec()).collect()
}

proptest! {
    #[test]
    fn a_table_comes_back_from_its_archive(table in table()) {
        let Archive::Table(again) = archive::import(&archive::export(&table, 65001).unwrap()).unwrap() else { panic!() };
        prop_assert_eq!(again.table.columns(), table.columns());
        prop_assert_eq!(values(&again.table), values(&table));
    }

    #[test]
    fn a_table_comes_back_from_a_package(table in table()) {
        let mut database = Database::create();
        database.set_code_page(65001);
        database.put_table(table.clone());
        let bytes = database.write(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
        let again = Database::from_bytes(bytes, Reading::Strict).unwrap().table("Random").unwrap().unwrap();
        prop_assert_eq!(again.columns(), table.columns());
        // Both are in the order of the keys.
        prop_assert_eq!(values(&again), values(&table));
    }

    #[test]
    fn any_bytes_are_an_archive_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        _ = archive::import(&bytes);
    }

    #[test]
    fn any_rows_are_an_archive_or_an_error(rows in "[\\x00-\\x20\\-0-9a-zé\t\r\n]{0,80}", code_page in any::<u16>()) {
        for third in ["T\tA".to_owned(), format!("{code_page}\tT\tA"), "_SummaryInformation\tA".to_owned()] {
            _ = archive::import(format!("A\tB\tC\ni2\tS0\tV0\n{third}\n{rows}").as_bytes());
        }
    }
}
