//! Where the source of a package is: the folder with its cabinets and loose files (page `source-resiliency.md`).
//!
//! A package that the user names lies at its source. One that was kept when its product was installed does not: its source
//! is looked for in the folders that were registered, and needed only for what the kept package does not hold itself.

use std::path::{Path, PathBuf};

use reseat_database::ProductCode;
use reseat_machine::products::{self, InstalledProduct};
use reseat_machine::{Machine, WindowsPath};

use crate::beside::Beside;
use crate::error::EngineError;

/// The source of a package.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The folder that holds it, or the first in which it was looked for.
    pub folder: PathBuf,
    /// The name of the package file there.
    pub package_name: String,
    /// Whether the package was found in the folder.
    found: bool,
    product: Option<ProductCode>,
    /// The folders that were looked in.
    looked: Vec<String>,
}

impl Origin {
    /// The source of a package that the user names.
    pub fn of_file(path: &Path) -> Self {
        Self {
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            package_name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            found: true,
            product: None,
            looked: Vec::new(),
        }
    }

    /// The source of an installed product; folders that the property SOURCELIST names are looked in first (page
    /// `sourcelist.md`).
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn of_product(
        machine: &Machine,
        product: &InstalledProduct,
        source_list: &str,
    ) -> Result<Self, EngineError> {
        let package_name = product.package_name.clone().unwrap_or_default();
        let mut looked: Vec<String> =
            source_list.split(';').filter(|place| !place.is_empty()).map(str::to_owned).collect();
        looked.extend(products::patches::sources(machine.registry()?, product.code, product.context));
        let folders: Vec<PathBuf> = looked.iter().filter_map(|place| unix_path(machine, place)).collect();
        let holds = |folder: &&PathBuf| {
            !package_name.is_empty()
                && Beside::folder((*folder).clone()).find([package_name.as_str()]).is_some()
        };
        let found = folders.iter().find(holds);
        Ok(Self {
            folder: found.or(folders.first()).cloned().unwrap_or_default(),
            found: found.is_some(),
            package_name,
            product: Some(product.code),
            looked,
        })
    }

    /// The package file at the source, if it is there.
    pub fn package(&self) -> Option<PathBuf> {
        if !self.found {
            return None;
        }
        Beside::folder(self.folder.clone()).find([self.package_name.as_str()])
    }

    /// The error for something that is missing at the source: when not even the package is there, that is what the user
    /// has to know.
    pub fn explain(&self, error: EngineError) -> EngineError {
        match (error, self.product) {
            (EngineError::SourceAbsent { .. }, Some(product)) if !self.found => self.absent(product),
            (error, _) => error,
        }
    }

    /// The error for a source that is not there.
    pub fn absent(&self, product: ProductCode) -> EngineError {
        EngineError::NoSource {
            product,
            package: self.package_name.clone(),
            looked: if self.looked.is_empty() { "no folder".to_owned() } else { self.looked.join(", ") },
        }
    }
}

/// A path as users and the registry write it: of this machine, or as packages see it.
pub fn unix_path(machine: &Machine, text: &str) -> Option<PathBuf> {
    if text.starts_with('/') {
        return Some(PathBuf::from(text.trim_end_matches('\\')));
    }
    let path = WindowsPath::parse(text.trim_end_matches('\\')).or_else(|_| WindowsPath::parse(text)).ok()?;
    machine.unix_path(&path).ok()
}
