//! Real cabinets with bytes changed, by the thousand: an error or some content, never a panic, never more output than the
//! format allows, and all of it in bounded time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{self, Cursor, Write};
use std::time::{Duration, Instant};

use reseat_cabinet::{CabinetError, CabinetSet, ReadSeek};
use support::{embedded_cabinets, has_tool, packages};

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }
}

/// Takes what is written up to a limit, then refuses: a test has no use for gigabytes.
struct Limited(u64);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len() as u64).ok_or_else(|| io::Error::other("enough"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads everything; the first part is `parts[0]`, each following name opens the next one.
fn read_all(parts: &[Vec<u8>]) -> Result<u64, CabinetError> {
    let mut rest: Vec<Vec<u8>> = parts[1..].iter().rev().cloned().collect();
    let next = move |_: &str| -> io::Result<Box<dyn ReadSeek>> {
        let part = rest.pop().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(part)))
    };
    let mut set = CabinetSet::open(Box::new(Cursor::new(parts[0].clone())), Box::new(next))?;
    let mut total = 0;
    let mut out = Limited(64 << 20);
    let mut first_error = None;
    for index in set.reading_order() {
        match set.copy(index, &mut out) {
            Ok(length) => total += length,
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(total), Err)
}

fn u16_at(bytes: &[u8], offset: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[offset], bytes[offset + 1]]))
}

fn u32_at(bytes: &[u8], offset: usize) -> usize {
    u16_at(bytes, offset) | u16_at(bytes, offset + 2) << 16
}

/// Sets all checksums to "not given", so that changed data reaches the decoders. Leaves cabinets with optional fields.
fn drop_checksums(cabinet: &mut [u8]) {
    if u16_at(cabinet, 30) != 0 {
        return;
    }
    for folder in 0..u16_at(cabinet, 26) {
        let entry = 36 + 8 * folder;
        let mut offset = u32_at(cabinet, entry);
        for _ in 0..u16_at(cabinet, entry + 4) {
            let stored = u16_at(cabinet, offset + 4);
            cabinet[offset..offset + 4].fill(0);
            offset += 8 + stored;
        }
    }
}

fn mutate(random: &mut Random, parts: &mut [Vec<u8>]) {
    let part = random.below(parts.len());
    let bytes = &mut parts[part];
    match random.below(8) {
        0 => {
            let length = random.below(bytes.len());
            bytes.truncate(length);
        }
        1 => {
            let start = random.below(bytes.len());
            let end = (start + random.below(64)).min(bytes.len());
            bytes.drain(start..end);
        }
        2 => {
            let start = random.below(bytes.len());
            let value = if random.below(2) == 0 { 0 } else { 0xff };
            let end = (start + 1 + random.below(8)).min(bytes.len());
            bytes[start..end].fill(value);
        }
        // The tables are short and the data is long: give each its share.
        kind => {
            for _ in 0..=random.below(4) {
                let area = if kind % 2 == 0 { bytes.len().min(120) } else { bytes.len() };
                let place = random.below(area);
                bytes[place] ^= 1 << random.below(8);
            }
        }
    }
}

fn mutate_by_the_thousand(label: &str, parts: &[Vec<u8>], count: u32) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut whole, mut refused) = (0, 0);
    for round in 0..count {
        let mut parts = parts.to_vec();
        mutate(&mut random, &mut parts);
        let start = Instant::now();
        match read_all(&parts) {
            Ok(_) => whole += 1,
            Err(_) => refused += 1,
        }
        let taken = start.elapsed();
        assert!(taken < Duration::from_secs(20), "{label}: round {round} took {taken:?}");
    }
    println!("{label}: {whole} read to the end, {refused} refused");
    assert!(refused > 0);
}

#[test]
fn mutated_cabinets_never_panic() {
    let Some(folder) = packages() else { return };
    for name in ["mixed.cab", "msi_with_external_cab.cab", "utf8-stresstest.cab"] {
        let mut cabinet = fs::read(folder.join(name)).unwrap();
        mutate_by_the_thousand(name, &[cabinet.clone()], 2000);
        drop_checksums(&mut cabinet);
        read_all(&[cabinet.clone()]).unwrap();
        mutate_by_the_thousand(name, &[cabinet], 4000);
    }
}

#[test]
fn mutated_sets_never_panic() {
    let Some(folder) = packages() else { return };
    let part = |number| fs::read(folder.join(format!("split-{number}.cab"))).unwrap();
    let parts: Vec<Vec<u8>> = (1..=5).map(part).collect();
    read_all(&parts).unwrap();
    mutate_by_the_thousand("split", &parts, 300);
}

#[test]
fn mutated_embedded_cabinets_never_panic() {
    let Some(folder) = packages() else { return };
    if !has_tool("msiinfo") {
        return;
    }
    for (label, mut cabinet) in embedded_cabinets(&folder) {
        if (37..50_000).contains(&cabinet.len()) {
            drop_checksums(&mut cabinet);
            read_all(&[cabinet.clone()]).unwrap();
            mutate_by_the_thousand(&label, &[cabinet], 300);
        }
    }
}

#[test]
fn every_truncation_of_a_cabinet_is_an_error() {
    let Some(folder) = packages() else { return };
    let cabinet = fs::read(folder.join("mixed.cab")).unwrap();
    for length in 0..cabinet.len() {
        assert!(read_all(&[cabinet[..length].to_vec()]).is_err(), "{length} bytes were accepted");
    }
}

#[test]
fn a_set_that_names_itself_as_next_ends() {
    let Some(folder) = packages() else { return };
    let first = fs::read(folder.join("split-1.cab")).unwrap();
    let again = first.clone();
    let next = move |_: &str| -> io::Result<Box<dyn ReadSeek>> { Ok(Box::new(Cursor::new(again.clone()))) };
    let mut set = CabinetSet::open(Box::new(Cursor::new(first)), Box::new(next)).unwrap();
    let error = set.open_all().unwrap_err();
    assert!(matches!(error, CabinetError::WrongPart { expected_index: 1, got_index: 0, .. }), "{error}");
}
