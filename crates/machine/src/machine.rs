//! The machine: a prefix with its drives and its registry.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use crate::error::MachineError;
use crate::lock::{self, MachineLock};
use crate::place::Drives;
use crate::registry_store::{self, RegistryStore};
use crate::wine_registry::WineRegistry;
use crate::wine_server;

/// How wide the addresses of the machine's Windows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Bitness {
    /// 32-bit Windows.
    X86,
    /// 64-bit Windows, which runs 32-bit programs too.
    X64,
}

/// A computer being installed to: a Wine prefix.
#[derive(Debug)]
pub struct Machine {
    prefix: PathBuf,
    bitness: Bitness,
    pub(crate) drives: Drives,
    pub(crate) store: RegistryStore,
    /// What has the registry while a wineserver runs.
    pub(crate) wine_registry: RwLock<Option<Arc<dyn WineRegistry>>>,
}

impl Machine {
    /// Opens an existing prefix.
    ///
    /// # Errors
    /// When the folder is no whole prefix, or cannot be read.
    pub fn open(prefix: &Path) -> Result<Self, MachineError> {
        let real =
            prefix.canonicalize().map_err(|error| MachineError::unix("open the prefix", prefix, error))?;
        for missing in ["drive_c", "dosdevices", "system.reg"] {
            if !real.join(missing).exists() {
                return Err(MachineError::NotAPrefix { prefix: prefix.to_owned(), missing });
            }
        }
        let drives = Drives::new(real.clone());
        let from_folder =
            || if real.join("drive_c/windows/syswow64").is_dir() { Bitness::X64 } else { Bitness::X86 };
        let bitness = registry_store::bitness_of(&real)?.unwrap_or_else(from_folder);
        Ok(Self {
            prefix: real,
            bitness,
            drives,
            store: RegistryStore::new(),
            wine_registry: RwLock::default(),
        })
    }

    /// The prefix's folder, free of links.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Whether its Windows is 32-bit or 64-bit.
    pub fn bitness(&self) -> Bitness {
        self.bitness
    }

    /// Takes the right to change the prefix: one installation at a time, across processes.
    ///
    /// # Errors
    /// [`MachineError::Locked`] with the holder's process id.
    pub fn lock(&self) -> Result<MachineLock, MachineError> {
        lock::lock(&self.prefix)
    }

    /// The process id of the wineserver that runs on this prefix. While one runs, it owns the registry.
    pub fn wine_server(&self) -> Option<u32> {
        self.own_wine_server().or_else(|| wine_server::wine_server(&self.prefix))
    }

    /// Keeps a wineserver from starting, as long as the result lives: nothing else here may be asked meanwhile.
    ///
    /// # Errors
    /// The process id of the wineserver that runs.
    pub fn keep_wine_out(&self) -> Result<wine_server::WineServerKeptOut, u32> {
        self.own_wine_server().map_or_else(|| wine_server::keep_out(&self.prefix), Err)
    }
}
