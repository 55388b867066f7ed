//! What the writer writes is read again: by this crate for any content, by cabextract and 7z for a sample.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::io::Cursor;

use proptest::prelude::*;
use reseat_cabinet::{
    CabinetError, CabinetSet, CabinetSetWriter, CabinetWriter, Compression, DosDateTime, ReadSeek,
    WriterCompression, WriterOptions, attributes,
};
use support::{content, has_tool, run};

fn write(files: &[(String, Vec<u8>)], options: WriterOptions) -> Vec<u8> {
    let mut writer = CabinetWriter::create_with(Vec::new(), options).unwrap();
    let moment = DosDateTime::new(2001, 2, 3, 4, 5, 6);
    for (name, bytes) in files {
        assert_eq!(
            writer.add(name, bytes.as_slice(), moment, attributes::ARCHIVE).unwrap(),
            bytes.len() as u64
        );
    }
    writer.finish().unwrap()
}

fn read(cabinet: Vec<u8>) -> CabinetSet {
    CabinetSet::open_single(Box::new(Cursor::new(cabinet))).unwrap()
}

/// Bytes that compress somewhat, or not at all.
fn bytes_of(length: usize, seed: u64, spread: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) % spread) as u8
    };
    (0..length).map(step).collect()
}

fn sample() -> Vec<(String, Vec<u8>)> {
    [(0, 1), (1, 256), (32_768, 5), (32_767, 256), (100_000, 3), (65_536, 256), (70_000, 40)]
        .into_iter()
        .enumerate()
        .map(|(index, (length, spread))| (format!("file{index}.bin"), bytes_of(length, index as u64, spread)))
        .collect()
}

fn compressions() -> impl Strategy<Value = WriterCompression> {
    prop_oneof![
        Just(WriterCompression::Stored),
        (0u8..=9).prop_map(|level| WriterCompression::Mszip { level }),
        (15u8..=17).prop_map(|window_bits| WriterCompression::Lzx { window_bits }),
    ]
}

/// A set in memory, each cabinet by its name.
fn write_set(files: &[(String, Vec<u8>)], most: u64, options: WriterOptions) -> Vec<Vec<u8>> {
    let name = Box::new(|number| format!("{number}.cab"));
    let mut writer = CabinetSetWriter::create(most, name, options).unwrap();
    for (name, bytes) in files {
        writer.add(name, bytes.as_slice(), None, 0).unwrap();
    }
    writer.finish(|_| Ok(Vec::new())).unwrap()
}

fn read_set(cabinets: Vec<Vec<u8>>) -> CabinetSet {
    let first = Box::new(Cursor::new(cabinets[0].clone()));
    let next = move |name: &str| -> std::io::Result<Box<dyn ReadSeek>> {
        let number: usize = name.strip_suffix(".cab").unwrap().parse().unwrap();
        Ok(Box::new(Cursor::new(cabinets[number - 1].clone())))
    };
    let mut set = CabinetSet::open(first, Box::new(next)).unwrap();
    set.open_all().unwrap();
    set
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_files_survive_writing_and_reading(
        files in prop::collection::vec(("[a-zA-Zé\\\\.]{1,20}", 0usize..80_000, any::<u64>(), 1u64..256), 0..8),
        compression in compressions(),
        folder_size in prop::sample::select(vec![0u64, 50_000, u64::MAX]),
    ) {
        let files: Vec<_> = files
            .into_iter()
            .map(|(name, length, seed, spread)| (name, bytes_of(length, seed, spread)))
            .collect();
        let options = WriterOptions { compression, set_id: 7, folder_size };
        let mut set = read(write(&files, options));
        prop_assert_eq!(set.files().len(), files.len());
        for (index, (name, bytes)) in files.iter().enumerate() {
            let file = set.files()[index].clone();
            prop_assert_eq!(&file.name, name);
            prop_assert_eq!(file.size, bytes.len() as u64);
            prop_assert_eq!(file.modified, DosDateTime::new(2001, 2, 3, 4, 5, 6));
            prop_assert!(content(&mut set, index).unwrap() == *bytes);
        }
        for index in (0..files.len()).rev() {
            prop_assert!(content(&mut set, index).unwrap() == files[index].1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_set_survives_writing_and_reading(
        files in prop::collection::vec((0usize..90_000, any::<u64>(), 1u64..256), 1..8),
        compression in compressions(),
        most in 300u64..60_000,
        folder_size in prop::sample::select(vec![0u64, 50_000, u64::MAX]),
    ) {
        let files: Vec<_> = (0..).zip(files).map(|(number, (length, seed, spread))| {
            // Many small ones and some empty ones too.
            let length = if seed % 3 == 0 { length % 40 } else { length };
            (format!("file {number}"), bytes_of(length, seed, spread))
        }).collect();
        let cabinets = write_set(&files, most, WriterOptions { compression, set_id: 9, folder_size });
        for cabinet in &cabinets {
            prop_assert!(cabinet.len() as u64 <= most);
        }
        let mut set = read_set(cabinets);
        prop_assert_eq!(set.files().len(), files.len());
        for (index, (name, bytes)) in files.iter().enumerate() {
            prop_assert_eq!(&set.files()[index].name, name);
            prop_assert!(content(&mut set, index).unwrap() == *bytes, "{}", name);
        }
    }
}

#[test]
fn other_programs_read_sets() {
    if !has_tool("cabextract") || run("7z", ["i"]).is_none() {
        return;
    }
    let files = sample();
    let mszip = WriterCompression::Mszip { level: 6 };
    let lzx = WriterCompression::Lzx { window_bits: 18 };
    for (compression, folder_size, most) in [
        (mszip, u64::MAX, 60_000),
        (lzx, u64::MAX, 60_000),
        (lzx, 50_000, 33_000),
        (WriterCompression::Stored, u64::MAX, 100_000),
        (mszip, 50_000, 20_000),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = WriterOptions { compression, set_id: 77, folder_size };
        let cabinets = write_set(&files, most, options);
        assert!(cabinets.len() > 3);
        for (index, cabinet) in cabinets.iter().enumerate() {
            fs::write(folder.path().join(format!("{}.cab", index + 1)), cabinet).unwrap();
        }
        let (first, out) = (folder.path().join("1.cab"), folder.path().join("out"));
        let arguments = [OsStr::new("-q"), OsStr::new("-d"), out.as_os_str(), first.as_os_str()];
        assert!(run("cabextract", arguments).is_some(), "cabextract refuses {options:?}");
        for (name, bytes) in &files {
            assert!(fs::read(out.join(name)).unwrap() == *bytes, "{name} differs, {options:?}");
        }
        assert!(run("7z", [OsStr::new("t"), first.as_os_str()]).is_some(), "7z refuses {options:?}");
    }
}

#[test]
fn a_set_of_too_small_cabinets_is_refused() {
    let name = Box::new(|number: usize| number.to_string());
    let mut writer = CabinetSetWriter::create(60, name, WriterOptions::default()).unwrap();
    writer.add("a", [1; 100].as_slice(), None, 0).unwrap();
    let error = writer.finish(|_| Ok(Vec::new())).unwrap_err();
    assert!(matches!(error, CabinetError::TooSmall { most: 60 }), "{error}");
}

#[test]
fn other_programs_read_what_is_written() {
    if !has_tool("cabextract") || run("7z", ["i"]).is_none() {
        return;
    }
    let files = sample();
    let folder = tempfile::tempdir().unwrap();
    let mszip = WriterCompression::Mszip { level: 6 };
    let lzx = WriterCompression::Lzx { window_bits: 21 };
    for (compression, folder_size) in [
        (WriterCompression::Stored, u64::MAX),
        (mszip, u64::MAX),
        (mszip, 50_000),
        (lzx, u64::MAX),
        (lzx, 50_000),
    ] {
        let cabinet = folder.path().join("new.cab");
        fs::write(&cabinet, write(&files, WriterOptions { compression, set_id: 1, folder_size })).unwrap();
        let out = folder.path().join("out");
        let arguments = [OsStr::new("-q"), OsStr::new("-d"), out.as_os_str(), cabinet.as_os_str()];
        assert!(run("cabextract", arguments).is_some(), "cabextract refuses {compression:?}");
        for (name, bytes) in &files {
            assert!(fs::read(out.join(name)).unwrap() == *bytes, "{name} differs, {compression:?}");
        }
        fs::remove_dir_all(&out).unwrap();
        assert!(run("7z", [OsStr::new("t"), cabinet.as_os_str()]).is_some(), "7z refuses {compression:?}");
    }
}

#[test]
fn content_that_cannot_shrink_is_stored_in_its_block() {
    let files = [("noise".to_owned(), bytes_of(100_000, 9, 256))];
    for level in 0..=9 {
        let compression = WriterCompression::Mszip { level };
        let cabinet = write(&files, WriterOptions { compression, ..WriterOptions::default() });
        let overhead = cabinet.len() - 100_000;
        assert!(overhead <= 36 + 8 + 16 + 6 + 4 * 15, "level {level}: {overhead}");
        assert!(content(&mut read(cabinet), 0).unwrap() == files[0].1);
    }
}

#[test]
fn an_empty_cabinet_has_no_files() {
    let set = read(write(&[], WriterOptions::default()));
    assert!(set.files().is_empty());
    assert_eq!(set.folder_count(), 0);
}

#[test]
fn folders_are_compressed_as_asked() {
    let stored = WriterOptions { compression: WriterCompression::Stored, ..WriterOptions::default() };
    for (options, compression) in
        [(WriterOptions::default(), Compression::Mszip), (stored, Compression::Stored)]
    {
        assert_eq!(read(write(&sample(), options)).compression(0), Some(compression));
    }
}

#[test]
fn changed_data_fails_its_checksum() {
    let mut cabinet = write(&[("a".to_owned(), vec![1; 1000])], WriterOptions::default());
    let last = cabinet.len() - 3;
    cabinet[last] ^= 4;
    let mut set = read(cabinet);
    let error = content(&mut set, 0).unwrap_err();
    assert!(matches!(error, CabinetError::Checksum { .. }), "{error}");
    assert!(error.to_string().starts_with("cabinet 1: the block at offset 0x"), "{error}");
}

#[test]
fn names_that_cannot_be_stored_are_refused() {
    let mut writer = CabinetWriter::create(Vec::new()).unwrap();
    for name in [String::new(), "a\0b".to_owned(), "n".repeat(256)] {
        let error = writer.add(&name, [].as_slice(), None, 0).unwrap_err();
        assert!(matches!(error, CabinetError::Name { .. }), "{error}");
    }
    assert!(writer.add(&"n".repeat(255), [].as_slice(), None, 0).is_ok());
    assert_eq!(read(writer.finish().unwrap()).files()[0].name.len(), 255);
}
