//! Sets of several cabinets: which ones are opened when, and what is said when one is missing or wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reseat_cabinet::{CabinetError, CabinetSet, CabinetWriter, ReadSeek};
use support::{content, open_set, packages};

fn part(folder: &Path, number: u32) -> Box<dyn ReadSeek> {
    Box::new(File::open(folder.join(format!("split-{number}.cab"))).unwrap())
}

/// Counts the bytes that are read.
struct Counting<R>(R, Arc<AtomicU64>);

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(bytes)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl<R: Seek> Seek for Counting<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn following_cabinets_are_opened_on_demand() {
    let Some(folder) = packages() else { return };
    let mut set = open_set(&folder.join("split-1.cab")).unwrap();
    assert_eq!((set.part_count(), set.previous_name()), (1, None));
    let listed = set.files().to_vec();
    let spanning = listed.len() - 1;
    content(&mut set, 0).unwrap();
    assert_eq!(set.part_count(), 1, "the first file lies within the first cabinet");
    content(&mut set, spanning).unwrap();
    assert!(set.part_count() > 1);
    assert_eq!(set.files()[..listed.len()], listed, "indices stay valid");
    set.open_all().unwrap();
    assert_eq!(set.part_count(), 5);
    assert!(!set.open_following().unwrap());
}

#[test]
fn a_file_of_a_later_cabinet_is_located() {
    let Some(folder) = packages() else { return };
    let mut whole = open_set(&folder.join("split-1.cab")).unwrap();
    whole.open_all().unwrap();
    let last = whole.files().last().unwrap().name.clone();
    let mut set = open_set(&folder.join("split-1.cab")).unwrap();
    assert_eq!(set.find(&last), None);
    let index = set.locate(&last.to_ascii_uppercase()).unwrap().unwrap();
    let expected = whole.find(&last).unwrap();
    assert!(content(&mut set, index).unwrap() == content(&mut whole, expected).unwrap());
    assert_eq!(set.locate("no such file").unwrap(), None);
}

#[test]
fn a_set_opened_in_its_middle_says_where_to_start() {
    let Some(folder) = packages() else { return };
    let mut set = open_set(&folder.join("split-2.cab")).unwrap();
    let error = content(&mut set, 0).unwrap_err();
    match &error {
        CabinetError::StartsBefore { previous, .. } => assert!(previous.eq_ignore_ascii_case("split-1.cab")),
        _ => panic!("{error}"),
    }
}

#[test]
fn a_missing_cabinet_is_named_and_may_be_given_later() {
    let Some(folder) = packages() else { return };
    let mut refusals = 1;
    let parts = folder.clone();
    let mut number = 1;
    let next = move |_: &str| -> io::Result<Box<dyn ReadSeek>> {
        if refusals > 0 {
            refusals -= 1;
            return Err(io::ErrorKind::NotFound.into());
        }
        number += 1;
        Ok(part(&parts, number))
    };
    let mut set = CabinetSet::open(part(&folder, 1), Box::new(next)).unwrap();
    let spanning = set.files().len() - 1;
    let error = content(&mut set, spanning).unwrap_err();
    match &error {
        CabinetError::Next { name, .. } => assert!(name.eq_ignore_ascii_case("split-2.cab")),
        _ => panic!("{error}"),
    }
    content(&mut set, spanning).unwrap();
}

#[test]
fn another_cabinet_in_place_of_the_next_is_refused() {
    let Some(folder) = packages() else { return };
    for number in [1, 3] {
        let parts = folder.clone();
        let next = move |_: &str| -> io::Result<Box<dyn ReadSeek>> { Ok(part(&parts, number)) };
        let mut set = CabinetSet::open(part(&folder, 1), Box::new(next)).unwrap();
        let error = set.open_following().unwrap_err();
        assert!(matches!(error, CabinetError::WrongPart { expected_index: 1, .. }), "{error}");
        assert_eq!(set.part_count(), 1);
    }
}

#[test]
fn files_in_order_take_one_pass() {
    let mut writer = CabinetWriter::create(Vec::new()).unwrap();
    let text: Vec<u8> =
        (0..400_000u32).map(|value| (value.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (number, bytes) in text.chunks(1000).enumerate() {
        writer.add(&format!("file{number}"), bytes, None, 0).unwrap();
    }
    let cabinet = writer.finish().unwrap();
    let length = cabinet.len() as u64;
    let count = Arc::new(AtomicU64::new(0));
    let source = Counting(Cursor::new(cabinet), Arc::clone(&count));
    let mut set = CabinetSet::open_single(Box::new(source)).unwrap();
    for index in set.reading_order() {
        assert!(content(&mut set, index).unwrap() == text[index * 1000..index * 1000 + 1000]);
    }
    let read = count.load(Ordering::Relaxed);
    assert!(read < length + 200_000, "{read} bytes were read of {length}");
}

#[test]
fn a_set_can_go_to_another_thread() {
    let Some(folder) = packages() else { return };
    let mut set = open_set(&folder.join("mixed.cab")).unwrap();
    let size = set.files()[1].size;
    let copied = std::thread::spawn(move || set.copy(1, &mut io::sink()).unwrap()).join().unwrap();
    assert_eq!(copied, size);
}
