//! What is registered with a session: files, processes and services (RmRegisterResources).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::process::UniqueProcess;

/// Resources that an installation is going to change. Register them in batches: each call writes once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Full paths of files; a folder stands for everything beneath it.
    #[serde(default, with = "crate::path_text::list")]
    pub files: Vec<PathBuf>,
    /// Running applications.
    #[serde(default)]
    pub processes: Vec<UniqueProcess>,
    /// Service short names.
    #[serde(default)]
    pub services: Vec<String>,
    /// Prefixes of Wine whose services the names may mean too, while Wine runs there.
    #[serde(default, with = "crate::path_text::list")]
    pub prefixes: Vec<PathBuf>,
}

impl Resources {
    /// Resources that are only files.
    pub fn files<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>) -> Resources {
        Resources { files: files.into_iter().map(Into::into).collect(), ..Resources::default() }
    }

    /// Whether nothing is named at all.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.processes.is_empty() && self.services.is_empty()
    }

    pub(crate) fn add(&mut self, other: Resources) {
        self.files.extend(other.files);
        self.processes.extend(other.processes);
        self.services.extend(other.services);
        self.prefixes.extend(other.prefixes);
    }

    pub(crate) fn sort(&mut self) {
        self.files.sort();
        self.files.dedup();
        self.processes.sort();
        self.processes.dedup();
        self.services.sort();
        self.services.dedup();
        self.prefixes.sort();
        self.prefixes.dedup();
    }
}
