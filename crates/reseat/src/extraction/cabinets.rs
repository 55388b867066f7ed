//! The cabinets of a package: streams in it, and files beside it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reseat_cabinet::{CabinetError, CabinetSet, ReadSeek};
use reseat_database::{Database, DatabaseError};

/// So many cabinets may come before one in a set.
const MOST_PREVIOUS: usize = 1000;

/// A cabinet that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CabinetSourceError {
    /// The package has no such stream, or the folder beside it no such file.
    #[error("cabinet '{name}' is missing: {reason}")]
    Missing { name: String, reason: String },
    /// It is damaged.
    #[error("cabinet '{name}': {source}")]
    Damaged {
        name: String,
        #[source]
        source: CabinetError,
    },
}

/// Where a cabinet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CabinetSource {
    /// A stream of the package.
    Embedded(String),
    /// A file beside the package.
    Beside(String),
}

impl CabinetSource {
    /// As the Media table names it (page `cabinet.md`).
    pub fn named(name: &str) -> Self {
        match name.strip_prefix('#') {
            Some(stream) => Self::Embedded(stream.to_owned()),
            None => Self::Beside(name.to_owned()),
        }
    }

    /// The stream's or file's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Embedded(name) | Self::Beside(name) => name,
        }
    }

    /// Opens the set that the cabinet belongs to, by the first cabinet of it that can be found.
    pub fn open(&self, package: &Path, database: &Arc<Database>) -> Result<CabinetSet, CabinetSourceError> {
        let mut set = self.open_from_here(package, database)?;
        for _ in 0..MOST_PREVIOUS {
            let Some(previous) = set.previous_name() else { break };
            let source = match self {
                Self::Embedded(_) => Self::Embedded(previous.to_owned()),
                Self::Beside(_) => Self::Beside(previous.to_owned()),
            };
            // What does not need the cabinets before can be unpacked without them.
            let Ok(before) = source.open_from_here(package, database) else { break };
            set = before;
        }
        Ok(set)
    }

    fn open_from_here(
        &self,
        package: &Path,
        database: &Arc<Database>,
    ) -> Result<CabinetSet, CabinetSourceError> {
        let missing = |error: io::Error| CabinetSourceError::Missing {
            name: self.name().to_owned(),
            reason: error.to_string(),
        };
        let first = self.read(package, database).map_err(missing)?;
        let (package, database, embedded) =
            (package.to_owned(), database.clone(), matches!(self, Self::Embedded(_)));
        let next = move |name: &str| {
            let (inside, beside) = (Self::Embedded(name.to_owned()), Self::Beside(name.to_owned()));
            let (one, other) = if embedded { (inside, beside) } else { (beside, inside) };
            one.read(&package, &database).or_else(|error| other.read(&package, &database).map_err(|_| error))
        };
        CabinetSet::open(first, Box::new(next))
            .map_err(|source| CabinetSourceError::Damaged { name: self.name().to_owned(), source })
    }

    fn read(&self, package: &Path, database: &Database) -> io::Result<Box<dyn ReadSeek>> {
        let absent = |reason: &str| io::Error::new(io::ErrorKind::NotFound, reason.to_owned());
        match self {
            Self::Embedded(name) => {
                let stream = match database.stream(name).map_err(io::Error::other)? {
                    Some(stream) => Some(stream),
                    None => {
                        let names = database.stream_names();
                        let alike = names.iter().find(|known| known.eq_ignore_ascii_case(name));
                        alike.and_then(|name| database.stream(name).ok()).flatten()
                    }
                };
                Ok(Box::new(stream.ok_or_else(|| absent("the package has no such stream"))?))
            }
            Self::Beside(name) => {
                let path =
                    find_beside(package, name).ok_or_else(|| absent("no such file beside the package"))?;
                let file = File::open(&path)
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
                Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
            }
        }
    }
}

/// The streams of a package that are cabinets.
pub fn in_streams(database: &Database) -> Result<Vec<CabinetSource>, DatabaseError> {
    let mut cabinets = Vec::new();
    for name in database.stream_names() {
        let mut signature = [0; 4];
        let Some(mut stream) = database.stream(&name)? else { continue };
        if stream.len() >= 4 && stream.read_exact(&mut signature).is_ok() && &signature == b"MSCF" {
            cabinets.push(CabinetSource::Embedded(name));
        }
    }
    Ok(cabinets)
}

/// A file beside the package, whatever its name's letter case. The name is the package's: one that leads elsewhere is
/// none.
pub fn find_beside(package: &Path, name: &str) -> Option<PathBuf> {
    Beside::new(package).find([name])
}

/// The files and folders beside a package. Each folder is read once.
pub struct Beside {
    folder: PathBuf,
    /// The names in each folder, by their small letters; nothing for what is no folder.
    names: HashMap<PathBuf, HashMap<String, Vec<OsString>>>,
}

impl Beside {
    /// What is beside this package.
    pub fn new(package: &Path) -> Self {
        let folder = package.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self { folder: folder.unwrap_or(Path::new(".")).to_owned(), names: HashMap::new() }
    }

    /// The file of this name after these folders, each in any letter case.
    pub fn find<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) -> Option<PathBuf> {
        let mut path = self.folder.clone();
        for name in names {
            let found = self.names_in(&path).get(&name.to_lowercase())?;
            let exact = found.iter().find(|found| found.to_str() == Some(name));
            path.push(exact.or(found.first())?);
        }
        Some(path)
    }

    /// Only names that a folder really has are found, so that none leads elsewhere.
    fn names_in(&mut self, folder: &Path) -> &HashMap<String, Vec<OsString>> {
        self.names.entry(folder.to_owned()).or_insert_with(|| {
            let mut names: HashMap<String, Vec<OsString>> = HashMap::new();
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                names.entry(name.to_string_lossy().to_lowercase()).or_default().push(name);
            }
            names
        })
    }
}
