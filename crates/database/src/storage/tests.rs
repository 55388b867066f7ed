use super::*;
use crate::bytes::u32_at;
use crate::{Database, Reading};

const BIG: &[u8] = &[7; 10_000];

/// A file with a stream in sectors, one in the mini stream, and the places of its parts.
struct Example {
    bytes: Vec<u8>,
    table: usize,
    directory: usize,
}

impl Example {
    fn new() -> Self {
        let mut database = Database::create();
        database.put_stream("-big-", BIG.to_vec());
        database.put_stream("-small-", vec![8; 100]);
        let bytes = database.write(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
        let sector = |field| (u32_at(&bytes, field).unwrap() as usize + 1) * 512;
        let (table, directory) = (sector(76), sector(48));
        Self { bytes, table, directory }
    }

    /// Where the directory entry with this first character of its name is.
    fn entry(&self, name: &str) -> usize {
        let name: Vec<u8> = crate::stream_name::encode(crate::stream_name::Content::Other, name)
            .unwrap()
            .iter()
            .flat_map(|unit| unit.to_le_bytes())
            .collect();
        let entries = self.bytes.windows(name.len());
        entries.enumerate().find(|(place, window)| *place % 128 == 0 && *window == name).unwrap().0
    }

    fn patched(&self, place: usize, new: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[place..place + new.len()].copy_from_slice(new);
        bytes
    }
}

/// Opens the file and reads all streams.
fn read(bytes: Vec<u8>, reading: Reading) -> Result<Vec<String>, StorageError> {
    let findings = Findings::new(reading);
    let storage = Storage::from_bytes(bytes, &findings)?;
    for (id, _) in storage.entries() {
        storage.stream(id, &findings)?.to_bytes()?;
    }
    Ok(findings.warnings())
}

#[test]
fn streams_come_back_in_pieces_of_any_size() {
    use std::io::{Read, Seek, SeekFrom};
    let database = Database::from_bytes(Example::new().bytes, Reading::Strict).unwrap();
    let mut stream = database.stream("-big-").unwrap().unwrap();
    for size in [1, 511, 512, 513, 4096] {
        stream.seek(SeekFrom::Start(0)).unwrap();
        let (mut content, mut buffer) = (Vec::new(), vec![0; size]);
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                count => content.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!(content, BIG);
    }
    stream.seek(SeekFrom::End(-1)).unwrap();
    assert_eq!(stream.read(&mut [0; 9]).unwrap(), 1);
    stream.seek(SeekFrom::Start(1 << 40)).unwrap();
    assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
    assert!(stream.seek(SeekFrom::Current(i64::MIN)).is_err());
    assert_eq!(database.stream("-small-").unwrap().unwrap().to_bytes().unwrap(), [8; 100]);
}

#[test]
fn each_damage_has_its_error() {
    let example = Example::new();
    assert_eq!(read(example.bytes.clone(), Reading::Strict).unwrap(), Vec::<String>::new());
    let big = example.entry("-big-");
    let start = u32_at(&example.bytes, big + 116).unwrap();
    let link = example.table + 4 * start as usize;
    let absent = 0x7FFF_FFFF_u32.to_le_bytes();
    let end = 0xFFFF_FFFE_u32.to_le_bytes();
    let directory = (example.directory / 512 - 1) as u32;
    let cases: [(Vec<u8>, &str); 13] = [
        (Vec::new(), "Truncated"),
        (example.bytes[..511].to_vec(), "Truncated"),
        (example.patched(0, b"PK"), "Signature"),
        (example.patched(30, &[8]), "Header"),
        (example.patched(32, &[7]), "Header"),
        (example.patched(56, &[0, 1]), "Header"),
        (example.patched(48, &absent), "SectorOutOfRange"),
        (example.patched(48, &end), "NoRoot"),
        (example.patched(example.table + 4 * directory as usize, &directory.to_le_bytes()), "ChainLoop"),
        (example.patched(example.directory + 66, &[2]), "NoRoot"),
        (example.patched(link, &end), "ChainEnds"),
        (example.patched(link, &absent), "SectorOutOfRange"),
        (example.patched(76, &absent), "SectorOutOfRange"),
    ];
    for (place, (bytes, expected)) in cases.into_iter().enumerate() {
        for reading in [Reading::Strict, Reading::Permissive] {
            let error = format!("{:?}", read(bytes.clone(), reading).unwrap_err());
            assert!(error.starts_with(expected), "case {place}: {error}");
        }
    }
}

#[test]
fn what_leaves_the_rest_readable_is_a_warning_when_reading_is_permissive() {
    let example = Example::new();
    let (big, small) = (example.entry("-big-"), example.entry("-small-"));
    let cases: [(Vec<u8>, &str); 6] = [
        (example.patched(26, &[4]), "Header"),
        (example.patched(28, &[0xFF, 0xFE]), "Header"),
        (example.patched(big + 64, &[99]), "EntryName"),
        (example.patched(big + 68, &(big as u32).to_le_bytes()), "EntryLink"),
        (example.patched(small + 116, &0x00FF_FFFF_u32.to_le_bytes()), "ChainEnds"),
        (example.patched(small + 116, &0xFFFF_FFFE_u32.to_le_bytes()), "ChainEnds"),
    ];
    for (place, (bytes, expected)) in cases.into_iter().enumerate() {
        let error = format!("{:?}", read(bytes.clone(), Reading::Strict).unwrap_err());
        assert!(error.starts_with(expected), "case {place}: {error}");
        assert_eq!(read(bytes, Reading::Permissive).unwrap().len(), 1, "case {place}");
    }
}

#[test]
fn a_length_beyond_the_file_does_not_take_memory() {
    let example = Example::new();
    let big = example.entry("-big-");
    let bytes = example.patched(big + 120, &0x7FFF_FFFF_u32.to_le_bytes());
    assert!(matches!(read(bytes.clone(), Reading::Strict), Err(StorageError::StreamLength { .. })));
    assert!(matches!(read(bytes, Reading::Permissive), Err(StorageError::ChainEnds { .. })));
}
