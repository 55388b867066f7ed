//! A package and its signature together.

use std::io::{self, Write};

use reseat_database::{Database, DatabaseError, SignedContent};

use crate::digest::Hasher;
use crate::error::SignatureError;
use crate::signed_data::SignedData;

/// The signature of a package.
#[derive(Debug)]
pub struct PackageSignature {
    /// The signature.
    pub signed: SignedData,
    content: SignedContent,
}

impl PackageSignature {
    /// The signature of a package as it was read from its file; nothing when it is unsigned.
    ///
    /// # Errors
    /// When the package cannot be read; the inner result when the signature cannot.
    pub fn of(database: &Database) -> Result<Option<Result<Self, SignatureError>>, DatabaseError> {
        let Some(content) = database.signed_content()? else { return Ok(None) };
        Ok(Some(SignedData::parse(content.signature()).map(|signed| Self { signed, content })))
    }

    /// Whether the package is still what was signed: its streams, and where the signature covers them also its names, sizes and
    /// times. Reads the whole package.
    ///
    /// # Errors
    /// When the package cannot be read; the inner result when the digest is of no supported kind.
    pub fn is_intact(&self) -> io::Result<Result<bool, SignatureError>> {
        self.is_intact_with(&mut |_| {})
    }

    /// As [`PackageSignature::is_intact`], telling `progress` how many more bytes of streams were read.
    ///
    /// # Errors
    /// As [`PackageSignature::is_intact`].
    pub fn is_intact_with(&self, progress: &mut dyn FnMut(u64)) -> io::Result<Result<bool, SignatureError>> {
        let (algorithm, expected) = match self.signed.covered_digest() {
            Ok(covered) => covered,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(extension) = self.content.extension() {
            let mut hasher = Hasher::new(algorithm);
            self.content.write_metadata(&mut hasher)?;
            if hasher.finish() != extension {
                return Ok(Ok(false));
            }
        }
        let mut counted = Counted { hasher: Hasher::new(algorithm), progress };
        self.content.write_streams(&mut counted)?;
        Ok(Ok(counted.hasher.finish() == expected))
    }
}

/// Tells how many bytes are hashed.
struct Counted<'p> {
    hasher: Hasher,
    progress: &'p mut dyn FnMut(u64),
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.hasher.write(bytes)?;
        (self.progress)(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hasher.flush()
    }
}
