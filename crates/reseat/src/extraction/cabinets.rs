//! Where cabinets are: in streams of a package, in files beside it, or by themselves with the others of their set beside them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reseat_cabinet::{CabinetError, CabinetSet, ReadSeek};
use reseat_database::{Database, DatabaseError};
use reseat_engine::Beside;

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
    /// A file by itself.
    File(PathBuf),
}

/// What the cabinets belong to.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The package, or the cabinet that was named by itself: the others lie beside it.
    path: PathBuf,
    /// The package's content.
    database: Option<Arc<Database>>,
}

impl Origin {
    /// A package.
    pub fn package(path: &Path, database: &Arc<Database>) -> Self {
        Self { path: path.to_owned(), database: Some(database.clone()) }
    }

    /// A cabinet by itself.
    pub fn cabinet(path: &Path) -> Self {
        Self { path: path.to_owned(), database: None }
    }
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
            Self::File(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
        }
    }

    /// Opens the set that the cabinet belongs to, by the first cabinet of it that can be found.
    pub fn open(&self, origin: &Origin) -> Result<CabinetSet, CabinetSourceError> {
        let mut set = self.open_from_here(origin)?;
        for _ in 0..MOST_PREVIOUS {
            let Some(previous) = set.previous_name() else { break };
            let source = match self {
                Self::Embedded(_) => Self::Embedded(previous.to_owned()),
                Self::Beside(_) | Self::File(_) => Self::Beside(previous.to_owned()),
            };
            // What does not need the cabinets before can be unpacked without them.
            let Ok(before) = source.open_from_here(origin) else { break };
            set = before;
        }
        Ok(set)
    }

    fn open_from_here(&self, origin: &Origin) -> Result<CabinetSet, CabinetSourceError> {
        let missing = |error: io::Error| CabinetSourceError::Missing {
            name: self.name().to_owned(),
            reason: error.to_string(),
        };
        let first = self.read(origin).map_err(missing)?;
        let (origin, embedded) = (origin.clone(), matches!(self, Self::Embedded(_)));
        let next = move |name: &str| {
            let (inside, beside) = (Self::Embedded(name.to_owned()), Self::Beside(name.to_owned()));
            let (one, other) = if embedded { (inside, beside) } else { (beside, inside) };
            one.read(&origin).or_else(|error| other.read(&origin).map_err(|_| error))
        };
        CabinetSet::open(first, Box::new(next))
            .map_err(|source| CabinetSourceError::Damaged { name: self.name().to_owned(), source })
    }

    fn read(&self, origin: &Origin) -> io::Result<Box<dyn ReadSeek>> {
        let absent = |reason: &str| io::Error::new(io::ErrorKind::NotFound, reason.to_owned());
        let path = match self {
            Self::Embedded(name) => {
                let stream = match &origin.database {
                    Some(database) => stream_of(database, name)?,
                    None => None,
                };
                return Ok(Box::new(stream.ok_or_else(|| absent("the package has no such stream"))?));
            }
            Self::Beside(name) => {
                let found = Beside::file(&origin.path).find([name.as_str()]);
                found.ok_or_else(|| match origin.database {
                    Some(_) => absent("no such file beside the package"),
                    None => absent("no such file beside the cabinet"),
                })?
            }
            Self::File(path) => path.clone(),
        };
        let file = File::open(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
    }
}

/// The stream of this name, in any letter case when none has it exactly.
fn stream_of(database: &Database, name: &str) -> io::Result<Option<impl ReadSeek + use<>>> {
    if let Some(stream) = database.stream(name).map_err(io::Error::other)? {
        return Ok(Some(stream));
    }
    let names = database.stream_names();
    let alike = names.iter().find(|known| known.eq_ignore_ascii_case(name));
    Ok(alike.and_then(|name| database.stream(name).ok()).flatten())
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
