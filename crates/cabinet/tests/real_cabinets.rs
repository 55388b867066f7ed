//! Real cabinets, compared file by file with what cabextract yields.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use reseat_cabinet::{CabinetSet, Compression};
use support::{content, embedded_cabinets, has_tool, open_set, packages, run};

/// Extracts with cabextract and compares every file, read in order and then in opposite order.
fn compare_with_cabextract(label: &str, path: &Path) -> CabinetSet {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [OsStr::new("-q"), OsStr::new("-d"), folder.path().as_os_str(), path.as_os_str()];
    assert!(run("cabextract", arguments).is_some(), "{label}: cabextract failed");
    let mut set = open_set(path).unwrap_or_else(|error| panic!("{label}: {error}"));
    set.open_all().unwrap_or_else(|error| panic!("{label}: {error}"));
    let mut order = set.reading_order();
    let in_order = order.clone();
    order.reverse();
    // Backwards each file starts its folder again; a sample is enough.
    let step = order.len() / 8 + 1;
    for index in in_order.into_iter().chain(order.into_iter().step_by(step)) {
        let file = set.files()[index].clone();
        let expected = fs::read(folder.path().join(file.name.replace('\\', "/")))
            .unwrap_or_else(|error| panic!("{label}: {}: {error}", file.name));
        let got =
            content(&mut set, index).unwrap_or_else(|error| panic!("{label}: {}: {error:?}", file.name));
        assert!(got == expected, "{label}: {} differs", file.name);
        assert_eq!(got.len() as u64, file.size);
    }
    set
}

#[test]
fn cabinets_beside_packages_are_read_as_cabextract_does() {
    let Some(folder) = packages() else { return };
    if !has_tool("cabextract") {
        return;
    }
    let mut mixed = compare_with_cabextract("mixed.cab", &folder.join("mixed.cab"));
    let kinds: Vec<_> = (0..mixed.folder_count()).filter_map(|folder| mixed.compression(folder)).collect();
    assert_eq!(
        kinds,
        [Compression::Mszip, Compression::Lzx { window_bits: 18 }, Compression::Quantum { window_bits: 18 }]
    );
    let text = content(&mut mixed, 2).unwrap();
    assert!(text.is_ascii() && !text.is_empty());
    compare_with_cabextract("external", &folder.join("msi_with_external_cab.cab"));
}

#[test]
fn files_that_span_five_cabinets_are_whole() {
    let Some(folder) = packages() else { return };
    if !has_tool("cabextract") {
        return;
    }
    let set = compare_with_cabextract("split-1.cab", &folder.join("split-1.cab"));
    assert_eq!(set.part_count(), 5);
    assert_eq!(set.following_name(), None);
}

#[test]
fn names_marked_as_utf8_are_read_so() {
    let Some(folder) = packages() else { return };
    let set = open_set(&folder.join("utf8-stresstest.cab")).unwrap();
    assert_eq!(set.files().len(), 79);
    assert_eq!(set.files()[0].name, "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}");
    assert_eq!(set.find("\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}"), Some(0));
    let modified = set.files()[0].modified.unwrap();
    assert_eq!(modified.to_string(), "1997-03-12 11:13:52");
}

#[test]
fn cabinets_embedded_in_packages_are_read_as_cabextract_does() {
    let Some(folder) = packages() else { return };
    if !has_tool("msiinfo") || !has_tool("cabextract") {
        return;
    }
    let cabinets = embedded_cabinets(&folder);
    assert!(cabinets.len() >= 10, "only {} packages have cabinets", cabinets.len());
    let scratch = tempfile::tempdir().unwrap();
    for (label, bytes) in cabinets {
        let path = scratch.path().join("embedded.cab");
        fs::write(&path, &bytes).unwrap();
        let set = open_set(&path).unwrap();
        println!("{label}: {} bytes, {} files, {:?}", bytes.len(), set.files().len(), set.compression(0));
        if !set.files().is_empty() {
            compare_with_cabextract(&label, &path);
        }
    }
}
