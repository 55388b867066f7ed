//! Strict or permissive: what reading does with a package that is damaged and can be used all the same.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{DatabaseError, StorageError};

/// How much damage reading puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// None: whatever contradicts the format is an error.
    #[default]
    Strict,
    /// Whatever leaves the rest of the package readable is a warning.
    Permissive,
}

/// The manner of reading and the warnings so far; clones share the warnings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    reading: Reading,
    warnings: Arc<Mutex<Warnings>>,
}

/// Each once, in the order in which they came.
#[derive(Debug, Default)]
struct Warnings {
    list: Vec<String>,
    known: HashSet<String>,
}

/// Beyond so many warnings a damaged file has nothing new to say.
const MOST_WARNINGS: usize = 1000;

impl Findings {
    pub fn new(reading: Reading) -> Self {
        Self { reading, warnings: Arc::default() }
    }

    /// Makes a warning of the error when reading is permissive.
    pub fn tolerate(&self, error: DatabaseError) -> Result<(), DatabaseError> {
        match self.reading {
            Reading::Strict => Err(error),
            Reading::Permissive => {
                self.warn(error.to_string());
                Ok(())
            }
        }
    }

    /// [`Findings::tolerate`] for the compound file.
    pub fn tolerate_storage(&self, error: StorageError) -> Result<(), StorageError> {
        match self.reading {
            Reading::Strict => Err(error),
            Reading::Permissive => {
                self.warn(error.to_string());
                Ok(())
            }
        }
    }

    /// All warnings so far.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).list.clone()
    }

    fn warn(&self, warning: String) {
        tracing::warn!(target: "reseat_database", "{warning}");
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        // What is read again has the same damage again.
        if warnings.list.len() < MOST_WARNINGS && warnings.known.insert(warning.clone()) {
            warnings.list.push(warning);
        }
    }
}
