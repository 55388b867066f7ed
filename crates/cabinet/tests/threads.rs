//! Decompressing on several threads gives what one thread gives, to the byte and to the word of every error.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Cursor;

use reseat_cabinet::{
    CabinetSet, CabinetSetWriter, CabinetWriter, ReadSeek, WriterCompression, WriterOptions,
};

/// A linear congruential generator.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % limit
    }
}

/// Files of various sizes, with matches near and far and with what does not compress.
fn files(random: &mut Random, total: usize) -> Vec<Vec<u8>> {
    let words: Vec<Vec<u8>> = (0..400)
        .map(|_| (0..3 + random.below(12)).map(|_| b'a' + random.below(26) as u8).collect())
        .collect();
    let mut files = Vec::new();
    let mut made = 0;
    while made < total {
        let size = [0, 1, 900, 32_768, 70_000, 300_000][random.below(6)];
        let mut file: Vec<u8> = Vec::with_capacity(size + 16);
        let is_random = random.below(4) == 0;
        while file.len() < size {
            match is_random {
                true => file.push(random.below(256) as u8),
                false => file.extend(&words[random.below(words.len())]),
            }
        }
        file.truncate(size);
        made += size;
        files.push(file);
    }
    files
}

/// MSZIP, of which several threads do a part, and LZX, which one thread decompresses for another.
const COMPRESSIONS: [WriterCompression; 2] =
    [WriterCompression::Mszip { level: 6 }, WriterCompression::Lzx { window_bits: 16 }];

fn options(compression: WriterCompression) -> WriterOptions {
    WriterOptions { compression, ..WriterOptions::default() }
}

/// What becomes of each file, read in order, and then of the one in the middle again.
fn read(parts: &[Vec<u8>], threads: usize) -> Vec<Result<Vec<u8>, String>> {
    let mut rest: Vec<Vec<u8>> = parts[1..].iter().rev().cloned().collect();
    let next = move |_: &str| -> std::io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(Cursor::new(rest.pop().ok_or(std::io::ErrorKind::NotFound)?)))
    };
    let mut set = CabinetSet::open(Box::new(Cursor::new(parts[0].clone())), Box::new(next)).unwrap();
    set.use_threads(threads);
    let mut results = Vec::new();
    // Following cabinets are opened where a file goes on in them, or for the next file.
    while results.len() < set.files().len() || set.open_following().unwrap_or(false) {
        results.push(copy(&mut set, results.len()));
    }
    results.push(copy(&mut set, results.len() / 2));
    results
}

fn copy(set: &mut CabinetSet, index: usize) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    set.copy(index, &mut content).map(|_| content).map_err(|error| {
        std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    })
}

#[test]
fn threads_read_what_was_written() {
    for (compression, total) in COMPRESSIONS.into_iter().zip([6_000_000, 1_500_000]) {
        let files = files(&mut Random(3), total);
        let mut writer = CabinetWriter::create_with(Vec::new(), options(compression)).unwrap();
        for (number, file) in files.iter().enumerate() {
            writer.add(&number.to_string(), file.as_slice(), None, 0).unwrap();
        }
        let cabinet = writer.finish().unwrap();
        for threads in [0, 1, 4] {
            let mut read = read(std::slice::from_ref(&cabinet), threads);
            assert_eq!(read.pop().unwrap().as_ref(), Ok(&files[files.len() / 2]));
            let is_same = read.into_iter().map(Result::unwrap).eq(files.iter().cloned());
            assert!(is_same, "{compression:?}, {threads} threads");
        }
    }
}

#[test]
fn damage_has_the_same_words_on_all_threads() {
    for (compression, (total, size)) in
        COMPRESSIONS.into_iter().zip([(1_500_000, 400_000), (700_000, 100_000)])
    {
        let mut random = Random(9);
        let files = files(&mut random, total);
        let name = Box::new(|number: usize| format!("{number}.cab"));
        let mut writer = CabinetSetWriter::create(size, name, options(compression)).unwrap();
        for (number, file) in files.iter().enumerate() {
            writer.add(&number.to_string(), file.as_slice(), None, 0).unwrap();
        }
        let parts: Vec<Vec<u8>> = writer.finish(|_| Ok(Vec::new())).unwrap().into_iter().collect();
        assert!(parts.len() > 1, "one cabinet is no set");
        assert_eq!(read(&parts, 0), read(&parts, 2));
        let mut failures = 0;
        for round in 0..40 {
            let mut parts = parts.clone();
            damage(&mut parts, &mut random, round);
            let alone = read(&parts, 0);
            failures += alone.iter().filter(|result| result.is_err()).count();
            assert_eq!(alone, read(&parts, 1 + round % 3), "{compression:?}, round {round}");
        }
        assert!(failures > 40, "{failures} failures");
    }
}

/// Changes a place behind the tables of one cabinet, mostly without the checksum that would find it.
fn damage(parts: &mut [Vec<u8>], random: &mut Random, round: usize) {
    let part = random.below(parts.len());
    let bytes = &mut parts[part];
    let place = 4000 + random.below(bytes.len() - 4000);
    if round.is_multiple_of(8) {
        let end = bytes.len().min(place + 3000);
        bytes[place..end].fill(0);
    } else {
        bytes[place] ^= 1 << random.below(8);
    }
    if !round.is_multiple_of(4) {
        without_checksums(bytes);
    }
}

/// Sets the checksums of all blocks to "not given", as far as they can be found.
fn without_checksums(cabinet: &mut [u8]) {
    let u16_at = |cabinet: &[u8], place: usize| {
        cabinet.get(place..place + 2).map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    };
    let u32_at = |cabinet: &[u8], place| u16_at(cabinet, place) | u16_at(cabinet, place + 2) << 16;
    // The folder's entry comes behind the names of the cabinets beside.
    let mut entry = 36;
    let flags = u16_at(cabinet, 30);
    for _ in 0..2 * (flags & 3).count_ones() {
        while cabinet[entry] != 0 {
            entry += 1;
        }
        entry += 1;
    }
    let mut place = u32_at(cabinet, entry);
    for _ in 0..u16_at(cabinet, entry + 4) {
        let Some(checksum) = cabinet.get_mut(place..place + 4) else { return };
        checksum.fill(0);
        place += 8 + u16_at(cabinet, place + 4);
    }
}
