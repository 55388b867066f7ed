//! Real patches, applied to the packages that they are for.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use reseat_database::patch::{Sequence, apply_all};
use reseat_database::{Column, ColumnType, Database, Patch, PatchError, Reading, Table, TransformError};
use support::{file_name, packages};

fn package(name: &str) -> Option<Database> {
    let path = packages().into_iter().find(|path| file_name(path) == name)?;
    Some(Database::open(&path, Reading::Permissive).unwrap())
}

fn patch(name: &str) -> Option<Patch> {
    let path = packages().into_iter().find(|path| file_name(path) == name)?;
    Some(Patch::open(&path, Reading::Strict).unwrap())
}

/// The value in a column of the row with this key.
fn value(database: &Database, table: &str, key: &str, column: &str) -> String {
    let table = database.table(table).unwrap().unwrap();
    let row = table.rows().find(|row| row.key() == key).unwrap_or_else(|| panic!("no row {key}"));
    match row.value(column) {
        reseat_database::Value::Text(text) => text.to_string(),
        value => value.as_integer().map(|number| number.to_string()).unwrap_or_default(),
    }
}

fn rows(database: &Database, table: &str) -> Vec<String> {
    let table = database.table(table).unwrap().unwrap();
    let mut rows: Vec<String> = table.rows().map(|row| format!("{:?}", row.values())).collect();
    rows.sort();
    rows
}

#[test]
fn a_patch_says_what_it_is_and_what_it_is_for() {
    let Some(patch) = patch("prodA-patch-AB.msp") else { return };
    assert_eq!(patch.code().unwrap().to_string(), "{B94D3D25-9FC6-468D-A804-97AFB27746C1}");
    assert!(patch.replaces().is_empty());
    let products: Vec<String> = patch.products().iter().map(ToString::to_string).collect();
    assert_eq!(
        products,
        ["{6EA3AE83-A14F-4B8B-8A86-BB977A9E7833}", "{398B8855-E3B8-4559-9C2B-3ED457C5A889}"]
    );
    let targets: Vec<(String, Option<String>)> =
        patch.targets().into_iter().map(|target| (target.transform, target.additions)).collect();
    let pair = |name: &str| (name.to_owned(), Some(format!("#{name}")));
    assert_eq!(targets, [pair("rtmA.1"), pair("rtmB.2")]);
    let expected = Sequence {
        family: "Source".to_owned(),
        product: None,
        sequence: "1.0.1.1".to_owned(),
        supersedes_earlier: true,
    };
    let sequences = patch.sequences().unwrap();
    assert!(sequences.contains(&expected), "{sequences:?}");
    assert!(!patch.database().table("MsiPatchMetadata").unwrap().unwrap().is_empty());
}

#[test]
fn one_patch_is_applied_with_its_cabinet() {
    let (Some(mut database), Some(patch)) = (package("psmsi-example.msi"), patch("psmsi-example.msp")) else {
        return;
    };
    let applied = patch.apply(&mut database).unwrap();
    assert_eq!(applied.target.transform, "MSP.1");
    assert_eq!((applied.disks, applied.cabinets), (vec![100], vec!["Patch".to_owned()]));
    assert!(applied.overlooked.is_empty(), "{:?}", applied.overlooked);
    assert_eq!(value(&database, "Property", "ProductVersion", "Value"), "1.0.1");
    assert_eq!(value(&database, "Registry", "reg302A797C45AD3AD1EC816DDC58DF65F3", "Value"), "1.0.1");
    assert_eq!(value(&database, "Property", "Example.AllowRemoval", "Value"), "1");
    assert_eq!(value(&database, "PatchPackage", "{FF63D787-26E2-49CA-8FAA-28B5106ABD3A}", "Media_"), "100");
    assert_eq!(value(&database, "Media", "100", "Cabinet"), "#Patch");
    assert_eq!(database.stream("Patch").unwrap().unwrap().len(), 36);
    // It is for the version that the package no longer has.
    let error = patch.apply(&mut database).unwrap_err();
    let PatchError::NotApplicable { reasons } = error else { panic!("{error}") };
    assert!(matches!(&*reasons, [(name, TransformError::Version { .. })] if name == "MSP.1"));
    let Some(mut other) = package("prodA-1.0.0.msi") else { return };
    assert!(matches!(patch.apply(&mut other), Err(PatchError::OtherProduct { .. })));
}

#[test]
fn two_patches_together_give_the_package_that_their_makers_had() {
    let (Some(mut database), Some(wanted)) = (package("prodA-1.0.0.msi"), package("prodA-1.0.1.msi")) else {
        return;
    };
    let (Some(version), Some(file)) = (patch("prodA-patch-A.msp"), patch("prodA-patch-AB.msp")) else {
        return;
    };
    // The small update comes before the minor upgrade, in whatever order they are given.
    let results = apply_all(&[version, file], &mut database).unwrap();
    assert_eq!(results.iter().map(|outcome| outcome.patch).collect::<Vec<_>>(), [1, 0]);
    let applied: Vec<_> = results.into_iter().map(|outcome| outcome.result.unwrap()).collect();
    assert_eq!(applied[0].target.transform, "rtmA.1");
    assert_eq!(applied[0].disks, [2]);
    // Both have disk 2 with cabinet A.cab.
    assert_eq!(applied[1].disks, [3]);
    assert_ne!(applied[0].cabinets, applied[1].cabinets);

    assert_eq!(value(&database, "Property", "ProductVersion", "Value"), "1.0.1.0");
    assert_eq!(rows(&database, "MsiFileHash"), rows(&wanted, "MsiFileHash"));
    let unpatched =
        |name: &str| !["Property", "File", "Media", "PatchPackage", "_Validation"].contains(&name);
    for name in wanted.table_names().unwrap().into_iter().filter(|name| unpatched(name)) {
        assert_eq!(rows(&database, &name), rows(&wanted, &name), "{name}");
    }
    // All properties of the new package, and those of the patches beside them.
    let properties = rows(&database, "Property");
    assert!(rows(&wanted, "Property").iter().all(|row| properties.contains(row)));
    // The file is the same but for its place in the patch's cabinet.
    for column in ["Component_", "FileName", "FileSize", "Version"] {
        let [patched, wanted] =
            [&database, &wanted].map(|database| value(database, "File", "F_Source", column));
        assert_eq!(patched, wanted, "{column}");
    }
    assert_eq!(value(&database, "File", "F_Source", "Sequence"), "3");
    assert_eq!(value(&database, "Media", "2", "LastSequence"), "3");
    assert_eq!(value(&database, "Media", "3", "LastSequence"), "4");
    assert_eq!(value(&database, "PatchPackage", "{B94D3D25-9FC6-468D-A804-97AFB27746C1}", "Media_"), "2");
    assert_eq!(value(&database, "PatchPackage", "{7A59E0BE-5179-4D9C-A7F0-B9F0955315A0}", "Media_"), "3");
    for disk in ["2", "3"] {
        let cabinet = value(&database, "Media", disk, "Cabinet");
        let name = cabinet.strip_prefix('#').unwrap();
        assert!(database.stream(name).unwrap().is_some(), "{name}");
    }
    let content = |name: &str| database.stream(name).unwrap().unwrap().to_bytes().unwrap().len();
    assert_eq!((content(&applied[0].cabinets[0]), content(&applied[1].cabinets[0])), (763, 36));

    // It is a package that can be written and read.
    let bytes = database.write(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
    let read = Database::from_bytes(bytes, Reading::Strict).unwrap();
    assert_eq!(rows(&read, "Property"), properties);
}

#[test]
fn a_patch_that_fails_changes_nothing() {
    let (Some(mut database), Some(patch)) = (package("psmsi-example.msi"), patch("psmsi-example.msp")) else {
        return;
    };
    database.drop_table("Media");
    database.drop_table("Registry");
    let before = rows(&database, "Property");
    // A missing table is overlooked as these transforms ask, and its disk is not needed then.
    assert_eq!(patch.apply(&mut database).unwrap().overlooked.len(), 2);
    assert_ne!(rows(&database, "Property"), before);

    // The second transform of the pair fails, after the first one was applied.
    let Some(mut database) = package("psmsi-example.msi") else { return };
    let column = Column {
        name: "PatchId".to_owned(),
        kind: ColumnType::Long,
        nullable: false,
        key: true,
        localizable: false,
    };
    database.put_table(Table::new("PatchPackage", vec![column]));
    let error = patch.apply(&mut database).unwrap_err();
    assert!(
        matches!(&error, PatchError::Transform { transform, source: TransformError::AddExistingColumn { .. } } if transform == "#MSP.1"),
        "{error:?}"
    );
    assert_eq!(rows(&database, "Property"), before);
    assert!(database.stream("Patch").unwrap().is_none());
}

#[test]
fn the_changes_of_a_patch_are_viewed_together() {
    let (Some(mut database), Some(patch)) = (package("psmsi-example.msi"), patch("psmsi-example.msp")) else {
        return;
    };
    for name in ["MSP.1", "#MSP.1"] {
        database.view_transform(&patch.transform(name).unwrap()).unwrap();
    }
    assert!(database.table("PatchPackage").unwrap().is_none(), "viewing applies nothing");
    let view = rows(&database, "_TransformView");
    let has = |table: &str, column: &str, row: &str| {
        let start = format!("[Text(\"{table}\"), Text(\"{column}\"), {row}");
        view.iter().any(|line| line.starts_with(&start))
    };
    assert!(has("Media", "INSERT", "Text(\"100\")"));
    assert!(has("PatchPackage", "CREATE", "Null"));
    assert!(has("PatchPackage", "INSERT", "Text(\"{FF63D787-26E2-49CA-8FAA-28B5106ABD3A}\")"));
    assert!(has("Property", "Value", "Text(\"ProductVersion\"), Text(\"1.0.1\"), Text(\"1.0.0\")"));
    assert!(has("Property", "INSERT", "Text(\"Example.PatchCode\")"));
    assert!(has("Registry", "Value", "Text(\"reg302A797C45AD3AD1EC816DDC58DF65F3\")"));
    assert!(!has("File", "", ""));
    let tables = "SELECT DISTINCT `Table` FROM `_TransformView`";
    assert_eq!(database.query(tables, &[]).unwrap().count(), 4);
}
