//! What other programs get wrong about real packages, one test each; see `docs/packages.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::product::{Cabinet, Product};
use support::{Place, package};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The rows of a table.
fn rows(place: &Place, package: &Path, table: &str) -> Vec<Value> {
    let dump = place.reseat(&["dump", text(package), table, "--json"]).expect_code(0).json();
    dump[0]["rows"].as_array().unwrap().clone()
}

#[test]
fn numbers_of_one_byte_are_read_in_two() {
    let Some(package) = package("firewall4.msi") else { return };
    let place = Place::new();
    let rows = rows(&place, &package, "Wix4FirewallException");
    // msiinfo shows -2147450874 where the protocol is 6.
    let numbers = |column: &str| rows.iter().map(|row| row[column].as_i64()).collect::<Vec<_>>();
    assert_eq!(numbers("Protocol"), [Some(6), Some(6)]);
    assert_eq!(numbers("Direction"), [Some(1), Some(2)]);
}

#[test]
fn cells_with_line_ends_and_tabs_stay_in_their_rows() {
    let Some(package) = package("putty-0.68-installer.msi") else { return };
    let place = Place::new();
    let expected = rows(&place, &package, "Control").len();
    let dump = place.reseat(&["dump", text(&package), "Control"]);
    assert_eq!(dump.expect_code(0).out.lines().count(), expected + 1);
    let cells: Vec<usize> = dump.out.lines().map(|line| line.matches('\t').count()).collect();
    assert!(cells.iter().all(|count| *count == cells[0]), "{cells:?}");
}

#[test]
fn texts_are_in_the_code_page_of_the_summary_information() {
    let place = Place::new();
    let package = Product::new().save(&place, "test.msi");
    place.reseat(&["export", text(&package), "folder"]).expect_code(0);
    let file = place.path("folder/_SummaryInformation.idt");
    let lines = fs::read(&file).unwrap();
    let mut lines: Vec<Vec<u8>> = lines.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.retain(|line| !line.starts_with(b"1\t") && !line.starts_with(b"4\t"));
    lines.retain(|line| !line.is_empty());
    lines[2] = b"1251\t_SummaryInformation\tPropertyId\r".to_vec();
    lines.push(b"1\t1251\r".to_vec());
    // The word for "author" in code page 1251.
    lines.push(b"4\t\xc0\xe2\xf2\xee\xf0\r".to_vec());
    fs::write(&file, lines.join(&b'\n')).unwrap();
    place.reseat(&["import", "folder", "made.msi"]).expect_code(0);
    assert!(place.reseat(&["info", "made.msi"]).expect_code(0).out.contains("Автор"));
}

#[test]
fn folders_of_programs_of_32_and_64_bits_stay_apart() {
    let place = Place::new();
    let product = Product::new()
        .with_row("Directory", &["ProgramFilesFolder", "TARGETDIR", "."])
        .with_row("Directory", &["OTHER", "ProgramFilesFolder", "Test"])
        .with_file("One", "same.txt", "64");
    let package = product.save(&place, "test.msi");
    let query = "INSERT INTO Component (Component, ComponentId, Directory_, Attributes) VALUES \
                 ('Narrow', '{11111111-2222-3333-4444-555555555555}', 'OTHER', 0)";
    place.reseat(&["sql", text(&package), "--write", query]).expect_code(0);
    let query = "UPDATE File SET Component_ = 'Narrow' WHERE File = 'One'";
    place.reseat(&["sql", text(&package), "--write", query]).expect_code(0);
    let list = place.reseat(&["extract", text(&package), "--list"]);
    assert!(list.expect_code(0).out.contains("Program Files (x86)/Test/same.txt"), "{}", list.out);
    let list = place.reseat(&[
        "extract",
        text(&Product::new().with_file("One", "same.txt", "64").save(&place, "wide.msi")),
        "--list",
    ]);
    assert!(list.expect_code(0).out.contains("Program Files/Test/same.txt"), "{}", list.out);
}

#[test]
fn files_of_a_package_that_ends_in_a_partial_sector_are_unpacked() {
    let Some(package) = package("hotools.msi") else { return };
    let place = Place::new();
    assert_ne!(fs::metadata(&package).unwrap().len() % 4096, 0);
    let done = place.reseat(&["extract", text(&package), "out", "--json"]).expect_code(0).json();
    assert!(done["files"].as_u64().unwrap() > 0 && done["problems"] == serde_json::json!([]), "{done}");
}

#[test]
fn a_cabinet_without_files_is_no_trouble() {
    let Some(package) = package("omaha-helper.msi") else { return };
    let place = Place::new();
    let done = place.reseat(&["extract", text(&package), "out", "--json"]).expect_code(0).json();
    assert_eq!((&done["files"], &done["problems"]), (&0.into(), &serde_json::json!([])));
    place.reseat(&["streams", text(&package), "required.cab", "-o", "required.cab"]).expect_code(0);
    assert_eq!(
        place.reseat(&["cab", "list", "required.cab", "--json"]).expect_code(0).json(),
        serde_json::json!([])
    );
}

#[test]
fn of_two_summary_informations_the_right_one_is_read() {
    let Some(package) = package("putty-0.68-installer.msi") else { return };
    let place = Place::new();
    let info = place.reseat(&["info", text(&package), "--json"]).expect_code(0).json();
    assert_eq!(info["package_code"], "{6BA452A6-7DBE-4456-A933-A2528F25AB0C}", "{info}");
}

#[test]
fn a_cabinet_beside_the_package_is_found_whatever_its_letter_case() {
    let Some(package) = package("external-cab.msi") else { return };
    let place = Place::new();
    fs::copy(&package, place.path("external.msi")).unwrap();
    let cabinet = package.with_file_name("msi_with_external_cab.cab");
    fs::copy(cabinet, place.path("MSI_With_External_CAB.cAb")).unwrap();
    let done = place.reseat(&["extract", "external.msi", "out", "--json"]).expect_code(0).json();
    assert_eq!(done["files"], 1, "{done}");
}

#[test]
fn what_cannot_be_read_is_an_error_and_never_an_empty_answer() {
    let place = Place::new();
    place.write("text.msi", "no package at all");
    let sound = Product::new()
        .with_file("One", "one.txt", "1")
        .with_cabinet(Cabinet::Embedded)
        .save(&place, "sound.msi");
    let bytes = fs::read(&sound).unwrap();
    place.write("cut.msi", &bytes[..bytes.len() / 3]);
    for name in ["text.msi", "cut.msi", "absent.msi"] {
        for arguments in
            [&["dump", name, "Property"][..], &["tables", name], &["streams", name], &["info", name]]
        {
            let ran = place.reseat(arguments);
            assert_ne!(ran.status.code(), Some(0), "{arguments:?}: {}", ran.out);
            assert!(ran.err.contains(name), "{}", ran.err);
        }
    }
}

#[test]
fn modules_and_patches_are_unpacked_too() {
    let Some(patch) = package("prodA-patch-A.msp") else { return };
    let place = Place::new();
    place.reseat(&["extract", text(&patch), "patch"]).expect_code(0);
    // A merge module: the files' cabinet is the stream MergeModule.CABinet.
    let package = Product::new().with_file("One", "one.txt", "module").save(&place, "module.msm");
    place.reseat(&["export", text(&package), "folder"]).expect_code(0);
    let streams = place.path("folder/_Streams");
    let mut cabinet = fs::read_dir(&streams).unwrap().map(|entry| entry.unwrap().path());
    let is_cabinet = |path: &std::path::PathBuf| fs::read(path).unwrap().starts_with(b"MSCF");
    let cabinet = cabinet.find(is_cabinet).expect("the cabinet");
    fs::rename(cabinet, streams.join("MergeModule.CABinet")).unwrap();
    fs::remove_file(place.path("folder/Media.idt")).unwrap();
    let signature = "ModuleID\tLanguage\tVersion\r\ns72\ti2\ts32\r\n\
                     ModuleSignature\tModuleID\tLanguage\r\nTest.Module\t0\t1.0\r\n";
    fs::write(place.path("folder/ModuleSignature.idt"), signature).unwrap();
    place.reseat(&["import", "folder", "made.msm"]).expect_code(0);
    let done = place.reseat(&["extract", "made.msm", "module", "--json"]).expect_code(0).json();
    assert_eq!(done["files"], 1, "{done}");
}
