//! A package and its signature together.

use std::io;

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
        let mut hasher = Hasher::new(algorithm);
        self.content.write_streams(&mut hasher)?;
        Ok(Ok(hasher.finish() == expected))
    }
}
