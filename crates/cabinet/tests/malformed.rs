//! Cabinets that are wrong in one place each, and the error that says so.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, Cursor};

use reseat_cabinet::{CabinetError, CabinetSet, CabinetWriter, WriterCompression, WriterOptions};

/// Offsets in the cabinets made here: one folder, files "a" and "b", no optional fields.
const FOLDER: usize = 36;
const FILE_A: usize = 44;
const FILE_B: usize = FILE_A + 18;
const BLOCK: usize = FILE_B + 18;

fn cabinet(compression: WriterCompression) -> Vec<u8> {
    let options = WriterOptions { compression, ..WriterOptions::default() };
    let mut writer = CabinetWriter::create_with(Vec::new(), options).unwrap();
    writer.add("a", [7; 40_000].as_slice(), None, 0).unwrap();
    writer.add("b", [8; 1000].as_slice(), None, 0).unwrap();
    writer.finish().unwrap()
}

/// The first error of opening the cabinet and copying both files, with its causes.
fn error_of(cabinet: Vec<u8>) -> String {
    let copy_all = || -> Result<(), CabinetError> {
        let mut set = CabinetSet::open_single(Box::new(Cursor::new(cabinet)))?;
        for index in 0..set.files().len() {
            set.copy(index, &mut io::sink())?;
        }
        Ok(())
    };
    let error = copy_all().unwrap_err();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let stored = WriterCompression::Stored;
    let mszip = WriterCompression::Mszip { level: 6 };
    let cases: &[(WriterCompression, usize, &[u8], &str)] = &[
        (stored, 26, &[0xff, 0xff], "the folder table at offset 0x24 takes 524280 bytes"),
        (stored, 28, &[0xff, 0xff], "the file table at offset 0x2c takes 1114095 bytes"),
        (stored, 16, &[0xff, 0xff, 0xff, 0xff], "the file table at offset 0xffffffff takes 34 bytes"),
        (
            stored,
            FOLDER,
            &[0xff, 0xff, 0xff, 0x7f],
            "the header of a block at offset 0x7fffffff takes 8 bytes",
        ),
        (stored, FOLDER + 4, &[1, 0], "file 'a' takes bytes 0..40000 of folder 0, which ends after 32768"),
        (stored, FOLDER + 4, &[0, 0], "which ends after 0"),
        (stored, FOLDER + 6, &[4, 0], "folder 0 has the unknown compression type 0x0004"),
        (stored, FOLDER + 6, &[3, 0x16], "folder 0 has the unknown compression type 0x1603"),
        (stored, FILE_A + 8, &[1, 0], "file 'a' is in folder 0x0001, but there are 1 folders"),
        (stored, FILE_A + 8, &[0xfd, 0xff], "file 'a' starts in the preceding cabinet"),
        (
            stored,
            FILE_A,
            &[0xff, 0xff, 0xff, 0xff],
            "takes bytes 0..4294967295 of folder 0, which ends after 41000",
        ),
        (stored, FILE_B + 4, &[0xff, 0xff, 0xff, 0xff], "takes bytes 4294967295..4294968295"),
        (
            stored,
            BLOCK + 4,
            &[0xff, 0xff],
            "the block at offset 0x50 has 65535 bytes for 32768: a block has at most",
        ),
        (stored, BLOCK + 4, &[0x00, 0x81], "has checksum"),
        (stored, BLOCK + 6, &[0x00, 0x00], "has checksum"),
        (stored, BLOCK, &[0, 0, 0, 0, 0, 0x80, 0, 0], "only a block that goes on may be empty"),
        (stored, BLOCK, &[0, 0, 0, 0, 0, 0x80, 1, 0x80], "a block yields at most 32768 bytes"),
        (stored, BLOCK, &[0, 0, 0, 0, 0, 0x80, 1, 0], "it yields 32768 bytes, its header says 1"),
        (mszip, BLOCK + 8, b"X", "has checksum"),
    ];
    for (compression, place, bytes, expected) in cases {
        let mut cabinet = cabinet(*compression);
        cabinet[*place..place + bytes.len()].copy_from_slice(bytes);
        let error = error_of(cabinet);
        assert!(error.contains(expected), "at {place:#x}: {error}");
    }
}

#[test]
fn mszip_blocks_are_checked() {
    let sound = cabinet(WriterCompression::Mszip { level: 6 });
    let cases: &[(usize, &[u8], &str)] = &[
        (8, b"XK", "it starts with [58, 4b] instead of 'CK'"),
        (10, &[0xff], "its deflate stream is damaged after 0 bytes"),
        (6, &[0x00, 0x70], "it yields 28673 bytes, its header says 28672"),
    ];
    for (place, bytes, expected) in cases {
        let mut cabinet = sound.clone();
        cabinet[BLOCK..BLOCK + 4].fill(0);
        let place = BLOCK + place;
        cabinet[place..place + bytes.len()].copy_from_slice(bytes);
        let error = error_of(cabinet);
        assert!(error.contains(expected), "{error}");
        assert!(error.starts_with("cabinet 1: the block at offset 0x50 of folder 0 is damaged: "), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_set_usable() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let cabinet = cabinet(WriterCompression::Stored);
    let mut set = CabinetSet::open_single(Box::new(Cursor::new(cabinet))).unwrap();
    let error = set.copy(1, &mut Full).unwrap_err();
    assert!(matches!(&error, CabinetError::Write { file, .. } if file == "b"), "{error}");
    let mut content = Vec::new();
    set.copy(1, &mut content).unwrap();
    assert_eq!(content, [8; 1000]);
    assert!(matches!(set.copy(2, &mut content), Err(CabinetError::NoSuchFile { index: 2, files: 2 })));
}
