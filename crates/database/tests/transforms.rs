//! Transforms from the wild and transforms of our own: described, applied, made.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use reseat_database::transform::{Change, ErrorConditions, MakeOptions, Validation};
use reseat_database::{Column, ColumnType, Database, Reading, Table, Transform, TransformError, Value};
use support::{file_name, packages};

/// A real package by its name; nothing where there are none.
fn package(name: &str) -> Option<PathBuf> {
    packages().into_iter().find(|path| file_name(path) == name)
}

fn open(path: &std::path::Path) -> Database {
    Database::open(path, Reading::Permissive).unwrap()
}

/// A table, given by its columns as in a text archive and its rows.
fn table(name: &str, columns: &[(&str, &str)], rows: &[&[Value]]) -> Table {
    let columns = columns.iter().map(|(name, kind)| {
        let (key, kind) = kind.strip_suffix('!').map_or((false, *kind), |kind| (true, kind));
        let width = kind[1..].parse().unwrap();
        Column {
            name: (*name).to_owned(),
            kind: match &kind[..1] {
                "i" if width == 4 => ColumnType::Long,
                "i" => ColumnType::Short,
                "v" => ColumnType::Stream,
                _ => ColumnType::Text(width),
            },
            nullable: !key,
            key,
            localizable: kind.starts_with('l'),
        }
    });
    let mut table = Table::new(name, columns.collect());
    for row in rows {
        table.push(row.to_vec());
    }
    table
}

fn text(text: &str) -> Value {
    text.into()
}

/// The tables that the transform `psmsi-example.mst` is for, with the rows that it needs.
fn base_of_the_example() -> Database {
    let mut database = Database::create();
    let columns = [("Name", "s72!"), ("Data", "v0")];
    database.put_table(table(
        "Binary",
        &columns,
        &[&[text("Modified"), Value::Stream], &[text("Deleted"), Value::Stream]],
    ));
    database.put_stream("Binary.Modified", b"old".to_vec());
    database.put_stream("Binary.Deleted", b"old".to_vec());
    let columns = [("Directory", "s72!"), ("Directory_Parent", "s72"), ("DefaultDir", "l255")];
    database.put_table(table(
        "Directory",
        &columns,
        &[&[text("Modified"), Value::Null, text("old value")], &[text("Deleted"), Value::Null, text(".")]],
    ));
    database.put_table(table("AppId", &[("AppId", "s38!")], &[&[text("{A}")]]));
    database
}

fn shown(changes: &[Change]) -> Vec<String> {
    let field = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let line = |change: &Change| {
        let (row, data, current) = (field(&change.row), field(&change.data), field(&change.current));
        format!("{} {} {row} {data} {current}", change.table, change.column)
    };
    changes.iter().map(line).collect()
}

type Tables = BTreeMap<String, (Vec<Column>, Vec<String>)>;

/// All tables as sorted rows, and all streams.
fn content(database: &Database) -> (Tables, BTreeMap<String, Vec<u8>>) {
    let tables = database.table_names().unwrap().into_iter().map(|name| {
        let table = database.table(&name).unwrap().unwrap();
        let mut rows: Vec<String> = table.rows().map(|row| format!("{:?}", row.values())).collect();
        rows.sort();
        (name, (table.columns().to_vec(), rows))
    });
    let streams = database.stream_names().into_iter().map(|name| {
        let bytes = database.stream(&name).unwrap().unwrap().to_bytes().unwrap();
        (name, bytes)
    });
    (tables.collect(), streams.filter(|(name, _)| !name.starts_with('\u{5}')).collect())
}

/// Makes the transform from one to the other, applies it, and compares.
fn goes_round(old: &Database, new: &Database) -> Transform {
    let transform = Transform::make(old, new, MakeOptions::default()).unwrap();
    let mut result = old.clone_by_writing();
    let met = result.apply_transform(&transform, transform.conditions()).unwrap();
    assert!(met.is_empty(), "{met:?}");
    assert_eq!(content(&result).0, content(new).0);
    transform
}

/// A copy, by way of a file in memory.
trait Clones {
    fn clone_by_writing(&self) -> Database;
}

impl Clones for Database {
    fn clone_by_writing(&self) -> Database {
        let bytes = self.write(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
        Database::from_bytes(bytes, Reading::Permissive).unwrap()
    }
}

#[test]
fn every_operation_of_a_transform_from_the_wild_is_described() {
    let Some(path) = package("psmsi-example.mst") else { return };
    let transform = Transform::open(&path, Reading::Strict).unwrap();
    assert_eq!(transform.code_page(), 1252);
    assert_eq!(transform.conditions().bits(), 0x1F);
    assert_eq!(transform.validation().bits(), 0x922);
    assert_eq!(transform.tables().collect::<Vec<_>>(), ["Binary", "Directory"]);
    let mut base = base_of_the_example();
    let expected = [
        "AppId DROP - - -",
        "Binary INSERT NewBinary - -",
        "Binary Data NewBinary Binary.NewBinary -",
        "Binary Data Modified Binary.Modified Binary.Modified",
        "Binary DELETE Deleted - -",
        "Directory DefaultDir Modified new value old value",
        "Directory INSERT Foo - -",
        "Directory DefaultDir Foo . -",
        "Directory INSERT Added - -",
        "Directory DefaultDir Added . -",
        "Directory DELETE Deleted - -",
    ];
    assert_eq!(shown(&transform.describe(&base).unwrap()), expected);
    assert!(matches!(
        transform.describe(&Database::create()),
        Err(TransformError::MissingTable { table }) if table == "Binary"
    ));

    base.view_transform(&transform).unwrap();
    let query = "SELECT `Row`, `Current` FROM `_TransformView` WHERE `Table` = 'Directory' AND `Column` = 'DefaultDir'";
    let rows: Vec<_> = base.query(query, &[]).unwrap().map(|row| row.values().to_vec()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0], [text("Modified"), text("old value")]);
    base.execute("ALTER TABLE `_TransformView` FREE", &[]).unwrap();
    assert!(base.query(query, &[]).is_err());

    let met = base.apply_transform(&transform, ErrorConditions::NONE).unwrap();
    assert!(met.is_empty());
    let (tables, streams) = content(&base);
    assert_eq!(tables.keys().collect::<Vec<_>>(), ["Binary", "Directory"]);
    assert_eq!(streams.keys().collect::<Vec<_>>(), ["Binary.Modified", "Binary.NewBinary"]);
    assert_eq!(streams["Binary.Modified"].len(), 55);
    assert_eq!(tables["Directory"].1.len(), 3);
}

#[test]
fn conditions_are_errors_unless_they_are_overlooked_and_then_nothing_is_changed() {
    let Some(path) = package("psmsi-example.mst") else { return };
    let transform = Transform::open(&path, Reading::Strict).unwrap();
    let without = |name: &str, row: usize| {
        let mut base = base_of_the_example();
        let old = base.table(name).unwrap().unwrap();
        let mut table = Table::new(name, old.columns().to_vec());
        for (_, kept) in old.rows().enumerate().filter(|(place, _)| *place != row) {
            table.push(kept.values().to_vec());
        }
        base.put_table(table);
        base
    };
    let with_row = || {
        let mut base = base_of_the_example();
        let mut table = Table::clone(&base.table("Directory").unwrap().unwrap());
        table.push(vec![text("Added"), text("Parent"), text("x")]);
        base.put_table(table);
        base
    };
    let without_table = || {
        let mut base = base_of_the_example();
        base.drop_table("AppId");
        base
    };
    let in_russian = || {
        let mut base = base_of_the_example();
        base.set_code_page(1251);
        base
    };
    let cases: [(Database, ErrorConditions, &str); 5] = [
        (without("Directory", 0), ErrorConditions::UPDATE_MISSING_ROW, "UpdateMissingRow"),
        (without("Directory", 1), ErrorConditions::DELETE_MISSING_ROW, "DeleteMissingRow"),
        (with_row(), ErrorConditions::ADD_EXISTING_ROW, "AddExistingRow"),
        (without_table(), ErrorConditions::DELETE_MISSING_TABLE, "DeleteMissingTable"),
        (in_russian(), ErrorConditions::CHANGE_CODE_PAGE, "CodePage"),
    ];
    for (mut base, condition, expected) in cases {
        let before = content(&base);
        let others = ErrorConditions::from_bits(ErrorConditions::ALL.bits() & !condition.bits());
        let error = base.apply_transform(&transform, others).unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error}");
        assert_eq!(content(&base), before, "{expected}");
        let met = base.apply_transform(&transform, condition).unwrap();
        assert_eq!(met.len(), 1);
        assert!(format!("{:?}", met[0]).starts_with(expected));
        assert_eq!(base.code_page(), 1252);
    }
    let mut base = with_row();
    base.apply_transform(&transform, transform.conditions()).unwrap();
    let row = base.table("Directory").unwrap().unwrap();
    assert_eq!(row.find(&[text("Added")]).unwrap().values()[1..], [Value::Null, text(".")]);
}

#[test]
fn instance_transforms_within_a_package_give_its_other_products() {
    let Some(path) = package("instance-transforms.msi") else { return };
    for (name, code) in [
        ("Instance1", "{1F9B1809-273F-4036-AB02-26D19171D5AE}"),
        ("Instance2", "{1D53CF88-158A-47DC-957A-69C0AAD67572}"),
        ("Instance3", "{42923AA9-D605-4222-8E20-3378471811DE}"),
    ] {
        let mut database = open(&path);
        let transform = database.transform(name).unwrap().unwrap();
        transform.check(&database).unwrap();
        database.apply_transform(&transform, transform.conditions()).unwrap();
        let properties = database.table("Property").unwrap().unwrap();
        assert_eq!(properties.find(&["ProductCode".into()]).unwrap().text("Value"), Some(code));
    }
    assert!(open(&path).transform("Instance4").unwrap().is_none());
}

#[test]
fn real_pairs_of_packages_go_round() {
    for (old, new) in [("winget-test-v1.msi", "winget-test-v2.msi"), ("prodA-1.0.0.msi", "prodA-1.0.1.msi")] {
        let (Some(old), Some(new)) = (package(old), package(new)) else { return };
        let (old, new) = (open(&old), open(&new));
        let there = goes_round(&old, &new);
        assert!(!there.is_empty());
        goes_round(&new, &old);
        assert!(goes_round(&old, &old).is_empty());
    }
}

#[test]
fn a_changed_package_goes_round_with_its_streams() {
    let Some(path) = package("putty-0.68-installer.msi") else { return };
    let (old, mut new) = (open(&path), open(&path));
    new.execute("UPDATE `Property` SET `Value` = 'Grüße' WHERE `Property` = 'ProductName'", &[]).unwrap();
    new.execute("DELETE FROM `Shortcut`", &[]).unwrap();
    new.execute("DROP TABLE `Registry`", &[]).unwrap();
    new.execute("CREATE TABLE `New` (`A` SHORT NOT NULL, `B` CHAR(0), `C` OBJECT PRIMARY KEY `A`)", &[])
        .unwrap();
    new.execute("ALTER TABLE `Feature` ADD `Extra` LONG", &[]).unwrap();
    new.execute("UPDATE `Feature` SET `Extra` = 70000", &[]).unwrap();
    let mut added = Table::clone(&new.table("New").unwrap().unwrap());
    added.push(vec![Value::Integer(-5), Value::Null, Value::Stream]);
    new.put_table(added);
    new.put_stream("New.-5", vec![1, 2, 3]);
    let binary = new.table("Binary").unwrap().unwrap();
    let name = binary.row(0).unwrap().stream_name();
    new.put_stream(&name, b"replaced".to_vec());

    let transform = goes_round(&old, &new);
    let mut result = open(&path);
    result.apply_transform(&transform, ErrorConditions::NONE).unwrap();
    assert_eq!(content(&result), content(&new));
    // What is saved is the same again.
    assert_eq!(content(&result.clone_by_writing()), content(&new));
}

#[test]
fn a_transform_says_what_it_is_for() {
    let Some(path) = package("prodA-1.0.0.msi") else { return };
    let old = open(&path);
    let Some(path) = package("prodA-1.0.1.msi") else { return };
    let new = open(&path);
    let versions =
        Validation::UPDATE_VERSION | Validation::PRODUCT | Validation::UPGRADE_CODE | Validation::LANGUAGE;
    let make = |validation| {
        let options = MakeOptions { conditions: ErrorConditions::ADD_EXISTING_ROW, validation };
        Transform::make(&old, &new, options).unwrap()
    };
    let transform = make(versions | Validation::EQUAL);
    assert_eq!(transform.conditions(), ErrorConditions::ADD_EXISTING_ROW);
    transform.check(&old).unwrap();
    let error = transform.check(&new).unwrap_err();
    assert_eq!(error.to_string(), "the transform is for versions = 1.0.0.0, not 1.0.1.0");
    make(versions | Validation::GREATER_OR_EQUAL).check(&new).unwrap();
    make(versions | Validation::GREATER).check(&new).unwrap();
    assert!(make(versions | Validation::GREATER).check(&old).is_err());
    assert!(make(versions | Validation::LESS).check(&old).is_err());
    make(Validation::MINOR_VERSION | Validation::LESS_OR_EQUAL).check(&new).unwrap();
    let mut other = open(&path);
    other.execute("UPDATE `Property` SET `Value` = '{X}' WHERE `Property` = 'UpgradeCode'", &[]).unwrap();
    assert!(matches!(make(Validation::UPGRADE_CODE).check(&other), Err(TransformError::UpgradeCode { .. })));
    other.execute("UPDATE `Property` SET `Value` = '{X}' WHERE `Property` = 'ProductCode'", &[]).unwrap();
    assert!(matches!(make(versions).check(&other), Err(TransformError::Product { .. })));
    let mut summary = other.summary().unwrap();
    summary.set_text(reseat_database::summary::id::TEMPLATE, "Intel;1031");
    other.set_summary(summary);
    assert!(matches!(
        make(versions).check(&other),
        Err(TransformError::Language { expected: 1033, found: 1031 })
    ));
}

#[test]
fn what_a_transform_cannot_express_is_refused() {
    let database = |columns: &[(&str, &str)]| {
        let mut database = Database::create();
        database.put_table(table("T", columns, &[]));
        database
    };
    let old = database(&[("A", "s72!"), ("B", "i2")]);
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("A", "s72!")], "ColumnRemoved"),
        (&[("A", "s72!"), ("B", "i4")], "ColumnDiffers"),
        (&[("A", "s72!"), ("C", "i2")], "ColumnDiffers"),
        (&[("A", "s72!"), ("B", "i2!")], "ColumnDiffers"),
        (&[("X", "s72!"), ("B", "i2")], "ColumnDiffers"),
    ];
    for (columns, expected) in cases {
        let error = Transform::make(&old, &database(columns), MakeOptions::default()).unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error}");
    }
    let options = MakeOptions { validation: Validation::PRODUCT, ..MakeOptions::default() };
    assert!(matches!(
        Transform::make(&old, &old, options),
        Err(TransformError::MissingProperty { property: "ProductCode" })
    ));
}

#[test]
fn packages_and_patches_are_no_transforms() {
    for path in packages() {
        let result = Transform::open(&path, Reading::Permissive);
        let is_transform = file_name(&path).ends_with(".mst");
        assert_eq!(matches!(result, Err(TransformError::NoTransform)), !is_transform, "{}", path.display());
    }
}
