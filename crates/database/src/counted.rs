//! Reading that tells how far it came, for whoever shows progress.

use std::io::{self, Read};

/// A source, and what hears of the bytes that were read from it.
pub(crate) struct Counted<'h, R> {
    pub source: R,
    pub hears: &'h mut dyn FnMut(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        (self.hears)(count as u64);
        Ok(count)
    }
}
