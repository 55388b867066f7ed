//! A package: a database with what its tables mean.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use reseat_database::{
    Database, DatabaseError, DatabaseKind, PackageCode, ProductCode, Stream, SummaryInformation, Table,
    UpgradeCode,
};

use crate::directory::{DirectoryError, DirectoryTree};
use crate::product::{ActionText, PropertyRow};
use crate::row::{RowError, TableRow, Text};
use crate::sequence::{Sequence, SequenceTable};
use crate::version::{ProductVersion, VersionError};

/// A package that lacks what every package has.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A row is wrong.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The folders are no tree.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The file is a patch or transform.
    #[error("the file is not an installation package but {kind}")]
    NotAPackage {
        /// What it is instead.
        kind: &'static str,
    },
    /// A property without which there is no product.
    #[error("table Property has no row '{property}'")]
    MissingProperty {
        /// The property.
        property: &'static str,
    },
    /// A property's value is wrong.
    #[error("table Property, row '{property}': '{value}' is not {expected}")]
    InvalidProperty {
        /// The property.
        property: &'static str,
        /// Its value.
        value: Text,
        /// What it should be.
        expected: &'static str,
    },
    /// The product's version is wrong.
    #[error("table Property, row 'ProductVersion'")]
    Version(#[source] VersionError),
}

/// The platform that a package is for (page `template-summary.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// `Intel`, or nothing: 32 bits.
    Intel,
    /// `x64`.
    X64,
    /// `Intel64`: Itanium.
    Intel64,
    /// `Arm`.
    Arm,
    /// `Arm64`.
    Arm64,
    /// Anything else, as written.
    Other(String),
}

impl Platform {
    fn parse(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "intel" => Self::Intel,
            // What the first 64-bit packages wrote.
            "x64" | "amd64" => Self::X64,
            "intel64" => Self::Intel64,
            "arm" => Self::Arm,
            "arm64" => Self::Arm64,
            _ => Self::Other(text.to_owned()),
        }
    }

    /// As the summary information writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Intel => "Intel",
            Self::X64 => "x64",
            Self::Intel64 => "Intel64",
            Self::Arm => "Arm",
            Self::Arm64 => "Arm64",
            Self::Other(name) => name,
        }
    }

    /// Whether the package is a 64-bit one.
    pub fn is_64_bit(&self) -> bool {
        matches!(self, Self::X64 | Self::Intel64 | Self::Arm64)
    }
}

/// The rows of a table, found by their primary key.
#[derive(Debug)]
pub struct Rows<T> {
    rows: Box<[T]>,
    positions: HashMap<String, usize>,
}

impl<T> Rows<T> {
    /// The row with this primary key; several key columns are joined by full stops.
    pub fn find(&self, key: &str) -> Option<&T> {
        self.positions.get(key).and_then(|position| self.rows.get(*position))
    }

    /// The rows by a column that is not the key, in stored order: built once, then no row is looked for again.
    pub fn group_by<'r>(&'r self, column: impl Fn(&'r T) -> &'r str) -> HashMap<&'r str, Vec<&'r T>> {
        let mut groups: HashMap<&str, Vec<&T>> = HashMap::new();
        for row in &self.rows {
            groups.entry(column(row)).or_default().push(row);
        }
        groups
    }
}

/// No rows.
impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Box::default(), positions: HashMap::new() }
    }
}

impl<T> Deref for Rows<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.rows
    }
}

/// An installation package.
#[derive(Debug)]
pub struct Package {
    database: Database,
    summary: SummaryInformation,
    product_code: ProductCode,
    upgrade_code: Option<UpgradeCode>,
    version: ProductVersion,
    language: u16,
    name: Text,
    manufacturer: Text,
    platform: Platform,
    loaded: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    sequences: Mutex<HashMap<SequenceTable, Arc<Sequence>>>,
    directories: Mutex<Option<Arc<DirectoryTree>>>,
    /// Tables that were asked for and are not there, since somebody wanted to know.
    absent: Mutex<Vec<&'static str>>,
}

/// A copy reads its tables anew.
impl Clone for Package {
    fn clone(&self) -> Self {
        Self {
            database: self.database.clone(),
            summary: self.summary.clone(),
            product_code: self.product_code,
            upgrade_code: self.upgrade_code,
            version: self.version,
            language: self.language,
            name: self.name.clone(),
            manufacturer: self.manufacturer.clone(),
            platform: self.platform.clone(),
            loaded: Mutex::default(),
            sequences: Mutex::default(),
            directories: Mutex::default(),
            absent: Mutex::default(),
        }
    }
}

impl Package {
    /// Takes a database as a package, and reads who the product is.
    ///
    /// # Errors
    /// When the file is a patch or transform, or a property that every package has is missing or wrong.
    pub fn open(database: Database) -> Result<Self, PackageError> {
        let kind = match database.kind() {
            DatabaseKind::Package | DatabaseKind::Other => None,
            DatabaseKind::Transform => Some("a transform"),
            DatabaseKind::Patch => Some("a patch"),
        };
        if let Some(kind) = kind {
            return Err(PackageError::NotAPackage { kind });
        }
        let properties = match database.table("Property")? {
            Some(table) => load::<PropertyRow>(&table)?,
            None => Rows::default(),
        };
        let value = |name: &str| properties.find(name).map(|row| row.value.clone());
        let required = |property| value(property).ok_or(PackageError::MissingProperty { property });
        let code = required("ProductCode")?;
        let product_code = code.parse().map_err(|_| PackageError::InvalidProperty {
            property: "ProductCode",
            value: code.clone(),
            expected: "a GUID",
        })?;
        let upgrade_code = match value("UpgradeCode") {
            None => None,
            Some(code) => Some(code.parse().map_err(|_| PackageError::InvalidProperty {
                property: "UpgradeCode",
                value: code.clone(),
                expected: "a GUID",
            })?),
        };
        let version = required("ProductVersion")?.parse().map_err(PackageError::Version)?;
        let language = match value("ProductLanguage") {
            None => 0,
            Some(number) => number.trim().parse().map_err(|_| PackageError::InvalidProperty {
                property: "ProductLanguage",
                value: number.clone(),
                expected: "a language's number",
            })?,
        };
        let summary = database.summary()?;
        let package = Self {
            product_code,
            upgrade_code,
            version,
            language,
            name: required("ProductName")?,
            manufacturer: value("Manufacturer").unwrap_or_else(|| "".into()),
            platform: Platform::parse(summary.platform()),
            summary,
            database,
            loaded: Mutex::default(),
            sequences: Mutex::default(),
            directories: Mutex::default(),
            absent: Mutex::default(),
        };
        package.keep(Arc::new(properties));
        Ok(package)
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The database, to be changed: every table is read anew from then on. Who the product is stays what it was.
    pub fn database_mut(&mut self) -> &mut Database {
        lock(&self.loaded).clear();
        lock(&self.sequences).clear();
        *lock(&self.directories) = None;
        &mut self.database
    }

    /// The summary information, read when the package was opened.
    pub fn summary(&self) -> &SummaryInformation {
        &self.summary
    }

    /// The product's code.
    pub fn product_code(&self) -> ProductCode {
        self.product_code
    }

    /// The code that it shares with related products.
    pub fn upgrade_code(&self) -> Option<UpgradeCode> {
        self.upgrade_code
    }

    /// The package file's own code.
    pub fn package_code(&self) -> Option<PackageCode> {
        self.summary.package_code()
    }

    /// The product's version.
    pub fn version(&self) -> ProductVersion {
        self.version
    }

    /// The product's language; 0 is neutral.
    pub fn language(&self) -> u16 {
        self.language
    }

    /// The product's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who made it.
    pub fn manufacturer(&self) -> &str {
        &self.manufacturer
    }

    /// The platform that it is for.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The lowest installer that it needs, times 100: 200 is 2.0 (page `page-count-summary.md`).
    pub fn minimum_installer(&self) -> Option<i32> {
        self.summary.page_count()
    }

    /// How loose files lie at the source.
    pub fn source_image(&self) -> crate::SourceImage {
        crate::SourceImage::of(&self.summary)
    }

    /// The rows of a table, read on first use; none when there is no such table.
    ///
    /// # Errors
    /// When the table cannot be read or a row is wrong.
    pub fn rows<T: TableRow>(&self) -> Result<Arc<Rows<T>>, PackageError> {
        let kept = lock(&self.loaded).get(&TypeId::of::<T>()).cloned();
        if let Some(rows) = kept.and_then(|rows| rows.downcast().ok()) {
            return Ok(rows);
        }
        let rows = match self.database.table(T::TABLE)? {
            Some(table) => Arc::new(load::<T>(&table)?),
            None => {
                lock(&self.absent).push(T::TABLE);
                Arc::default()
            }
        };
        self.keep(rows.clone());
        Ok(rows)
    }

    fn keep<T: TableRow>(&self, rows: Arc<Rows<T>>) {
        lock(&self.loaded).insert(TypeId::of::<T>(), rows);
    }

    /// The row of a table with this primary key; several key columns are joined by full stops.
    ///
    /// # Errors
    /// As [`Package::rows`].
    pub fn find<T: TableRow + Clone>(&self, key: &str) -> Result<Option<T>, PackageError> {
        Ok(self.rows::<T>()?.find(key).cloned())
    }

    /// The tables that were asked for since the last call and are not there.
    pub fn take_absent(&self) -> Vec<&'static str> {
        std::mem::take(&mut *lock(&self.absent))
    }

    /// Whether a table is there and has rows.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn has_rows(&self, table: &str) -> Result<bool, PackageError> {
        Ok(self.database.table(table)?.is_some_and(|table| !table.is_empty()))
    }

    /// The value that a property starts with.
    ///
    /// # Errors
    /// As [`Package::rows`].
    pub fn property(&self, name: &str) -> Result<Option<Text>, PackageError> {
        Ok(self.rows::<PropertyRow>()?.find(name).map(|row| row.value.clone()))
    }

    /// A sequence; empty when there is no such table.
    ///
    /// # Errors
    /// When the table cannot be read or a row is wrong.
    pub fn sequence(&self, table: SequenceTable) -> Result<Arc<Sequence>, PackageError> {
        if let Some(sequence) = lock(&self.sequences).get(&table) {
            return Ok(sequence.clone());
        }
        let sequence = match self.database.table(table.name())? {
            Some(rows) => Sequence::load(table.name(), &rows)?,
            None => Sequence::default(),
        };
        let sequence = Arc::new(sequence);
        lock(&self.sequences).insert(table, sequence.clone());
        Ok(sequence)
    }

    /// Any table with the columns of a sequence table (page `sequence-action.md`); nothing when there is none of this name.
    ///
    /// # Errors
    /// As [`Package::sequence`].
    pub fn other_sequence(&self, table: &str) -> Result<Option<Sequence>, PackageError> {
        match self.database.table(table)? {
            Some(rows) => Ok(Some(Sequence::load("named by SEQUENCE", &rows)?)),
            None => Ok(None),
        }
    }

    /// The folders.
    ///
    /// # Errors
    /// When the Directory table cannot be read or is no tree.
    pub fn directories(&self) -> Result<Arc<DirectoryTree>, PackageError> {
        if let Some(tree) = lock(&self.directories).as_ref() {
            return Ok(tree.clone());
        }
        let tree = match self.database.table("Directory")? {
            Some(table) => DirectoryTree::load(&table)?,
            None => DirectoryTree::default(),
        };
        let tree = Arc::new(tree);
        *lock(&self.directories) = Some(tree.clone());
        Ok(tree)
    }

    /// What an action says that it does, from the ActionText table.
    ///
    /// # Errors
    /// As [`Package::rows`].
    pub fn action_text(&self, action: &str) -> Result<Option<String>, PackageError> {
        let rows = self.rows::<ActionText>()?;
        Ok(rows.find(action).and_then(|row| row.description.as_deref()).map(str::to_owned))
    }

    /// How an action's data are put into words, from the ActionText table.
    ///
    /// # Errors
    /// As [`Package::rows`].
    pub fn action_template(&self, action: &str) -> Result<Option<String>, PackageError> {
        let rows = self.rows::<ActionText>()?;
        Ok(rows.find(action).and_then(|row| row.template.as_deref()).map(str::to_owned))
    }

    /// The stream of a row, such as `Binary` and its name.
    ///
    /// # Errors
    /// When the storage is damaged there.
    pub fn stream(&self, table: &str, key: &str) -> Result<Option<Stream>, PackageError> {
        Ok(self.database.stream(&format!("{table}.{key}"))?)
    }
}

fn load<T: TableRow>(table: &Table) -> Result<Rows<T>, PackageError> {
    let mut rows = Vec::with_capacity(table.len());
    let mut positions = HashMap::with_capacity(table.len());
    for row in table.rows() {
        positions.insert(row.key(), rows.len());
        rows.push(T::read(&row)?);
    }
    Ok(Rows { rows: rows.into_boxed_slice(), positions })
}

/// What is cached is whole even when a thread that held the lock has panicked.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
