//! What the digital signature of a package covers, as bytes to be digested; see the page
//! `digital-signatures-and-windows-installer.md`. The order is not documented: it is what signed packages show, and what
//! osslsigncode writes.
//!
//! A package has its signature in the stream `\x05DigitalSignature` of the root. The digest is over all other streams, storage by
//! storage: in each the entries by the bytes of their names, then the storage's class. A second stream,
//! `\x05MsiDigitalSignatureEx`, may hold the digest of names, sizes, classes, state bits and times; it then comes first.

use std::collections::HashSet;
use std::io::{self, Write};

use crate::findings::Findings;
use crate::storage::{Entry, EntryKind, Storage};
use crate::{Database, DatabaseError};

const SIGNATURE: &str = "\u{5}DigitalSignature";
const EXTENSION: &str = "\u{5}MsiDigitalSignatureEx";

/// No package has so many storages.
const MOST_STORAGES: usize = 1000;

/// A signed package's content as the signature covers it.
#[derive(Debug)]
pub struct SignedContent {
    storage: Storage,
    findings: Findings,
    signature: Vec<u8>,
    extension: Option<Vec<u8>>,
}

impl Database {
    /// What the signature of the file covers, whatever was changed since it was read; nothing when the package is unsigned.
    ///
    /// # Errors
    /// When the signature cannot be read.
    pub fn signed_content(&self) -> Result<Option<SignedContent>, DatabaseError> {
        let Some(storage) = self.stored_storage() else { return Ok(None) };
        let findings = self.findings();
        let read = |name: &str| {
            let entry = storage.entries().find(|(_, entry)| is_named(entry, name));
            let bytes = entry.map(|(id, _)| storage.stream(id, findings)?.to_bytes());
            bytes.transpose()
        };
        let Some(signature) = read(SIGNATURE)? else { return Ok(None) };
        let extension = read(EXTENSION)?;
        Ok(Some(SignedContent { storage: storage.clone(), findings: findings.clone(), signature, extension }))
    }
}

impl SignedContent {
    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The digest of what [`SignedContent::write_metadata`] writes, if the signature covers that too.
    pub fn extension(&self) -> Option<&[u8]> {
        self.extension.as_deref()
    }

    /// Writes the bytes that the signature covers.
    ///
    /// # Errors
    /// When the package cannot be read, or `out` fails.
    pub fn write_streams(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.extension().unwrap_or_default())?;
        self.walk(&mut |step| match step {
            Step::Stream(storage, id, _) => {
                let mut stream = storage.stream(id, &self.findings).map_err(io::Error::other)?;
                io::copy(&mut stream, out).map(drop)
            }
            Step::End(storage) => out.write_all(&storage.class()),
            Step::Start(..) => Ok(()),
        })
    }

    /// Writes the names, sizes, classes, state bits and times.
    ///
    /// # Errors
    /// When the package cannot be read, or `out` fails.
    pub fn write_metadata(&self, out: &mut dyn Write) -> io::Result<()> {
        self.walk(&mut |step| match step {
            Step::Start(storage, entry) => {
                out.write_all(
                    &entry.filter(|entry| entry.kind != EntryKind::Root).map(name).unwrap_or_default(),
                )?;
                out.write_all(&storage.class())?;
                write_marks(entry, out)
            }
            Step::Stream(_, _, entry) => {
                out.write_all(&name(entry))?;
                // Sizes beyond 4 GB do not occur in packages.
                out.write_all(&(entry.length as u32).to_le_bytes())?;
                write_marks(Some(entry), out)
            }
            Step::End(_) => Ok(()),
        })
    }

    fn walk(&self, visit: &mut dyn FnMut(Step<'_>) -> io::Result<()>) -> io::Result<()> {
        let root = self.storage.own_entry();
        self.walk_storage(&self.storage, root, &mut HashSet::new(), visit)
    }

    /// A storage is met once, so that what a damaged directory links in a circle has an end.
    fn walk_storage(
        &self,
        storage: &Storage,
        own: Option<&Entry>,
        met: &mut HashSet<u32>,
        visit: &mut dyn FnMut(Step<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        visit(Step::Start(storage, own))?;
        let is_root = own.is_none_or(|own| own.kind == EntryKind::Root);
        let mut entries: Vec<(u32, &Entry)> = storage
            .entries()
            .filter(|(_, entry)| !is_root || !(is_named(entry, SIGNATURE) || is_named(entry, EXTENSION)))
            .collect();
        entries.sort_by_cached_key(|(_, entry)| name_with_end(entry));
        for (id, entry) in entries {
            if entry.kind == EntryKind::Stream {
                visit(Step::Stream(storage, id, entry))?;
                continue;
            }
            if !met.insert(id) || met.len() > MOST_STORAGES {
                return Err(io::Error::other(
                    "the storages of the package are linked in a circle, or too many",
                ));
            }
            let nested = storage.nested(id, &self.findings).map_err(io::Error::other)?;
            self.walk_storage(&nested, Some(entry), met, visit)?;
        }
        visit(Step::End(storage))
    }
}

/// What is met on the way through a package.
enum Step<'s> {
    /// A storage begins, with its own entry.
    Start(&'s Storage, Option<&'s Entry>),
    Stream(&'s Storage, u32, &'s Entry),
    End(&'s Storage),
}

/// The state bits; for all but the root also both times.
fn write_marks(entry: Option<&Entry>, out: &mut dyn Write) -> io::Result<()> {
    let Some(entry) = entry else { return Ok(()) };
    let length = if entry.kind == EntryKind::Root { 4 } else { entry.marks.len() };
    out.write_all(entry.marks.get(..length).unwrap_or_default())
}

fn is_named(entry: &Entry, name: &str) -> bool {
    entry.name.iter().copied().eq(name.encode_utf16())
}

fn name(entry: &Entry) -> Vec<u8> {
    entry.name.iter().flat_map(|unit| unit.to_le_bytes()).collect()
}

/// The stored name with its final zero, by whose bytes entries are ordered.
fn name_with_end(entry: &Entry) -> Vec<u8> {
    let mut bytes = name(entry);
    bytes.extend([0, 0]);
    bytes
}
