//! For tests: cabinets around given blocks, and random numbers that can be repeated.

use crate::block::BlockHeader;
use crate::decoder::Compression;
use crate::header::{FILE_SIZE, FOLDER_SIZE, FileEntry, FolderEntry, HEADER_SIZE, Header};

/// xorshift64*.
pub(crate) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }
}

/// A cabinet of one folder with these blocks (stored bytes and decompressed length), in which all is one file "a".
pub(crate) fn cabinet_of(compression: Compression, blocks: &[(Vec<u8>, usize)]) -> Vec<u8> {
    let size = blocks.iter().map(|(_, size)| size).sum::<usize>() as u32;
    let file =
        FileEntry { size, offset: 0, folder: 0, date: 0x2c21, time: 0, attributes: 0, name: b"a".to_vec() };
    let files_offset = HEADER_SIZE + FOLDER_SIZE;
    let data_offset = (files_offset + FILE_SIZE + 2) as u32;
    let data: Vec<u8> = blocks
        .iter()
        .flat_map(|(stored, size)| {
            let mut header =
                BlockHeader { checksum: 0, stored: stored.len() as u16, uncompressed: *size as u16 };
            header.checksum = header.compute_checksum(&[], stored);
            header.to_bytes().into_iter().chain(stored.iter().copied()).collect::<Vec<u8>>()
        })
        .collect();
    let header = Header {
        size: data_offset + data.len() as u32,
        files_offset: files_offset as u32,
        folders: 1,
        files: 1,
        ..Header::default()
    };
    let folder = FolderEntry { data_offset, blocks: blocks.len() as u16, compression: compression.to_raw() };
    [header.to_bytes(), folder.to_bytes(), file.to_bytes(), data].concat()
}

/// What cabextract makes of the file in a cabinet of [`cabinet_of`]; `None`, with a word why, when it is not installed.
pub(crate) fn cabextract(cabinet: &[u8]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.cab");
    std::fs::write(&path, cabinet).unwrap();
    match std::process::Command::new("cabextract").arg("-q").arg("-p").arg(&path).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "cabextract: {error}");
            println!("SKIPPED: cabextract: {error}");
            None
        }
    }
}
