//! Where the files of a package come from: cabinets inside it, cabinets beside it, and loose files.
//!
//! See the pages `media-table.md`, `file-table.md` and `using-the-directory-table.md`. A source tells which cabinet and
//! name, or which file; it is opened when the script runs, each cabinet once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use reseat_cabinet::{CabinetError, CabinetSet, DosDateTime, ReadSeek};
use reseat_package::{Media, Package};
use reseat_script::{InstallScript, Operation, Source, SourceError};

use crate::beside::Beside;
use crate::error::EngineError;
use crate::read_ahead::{ReadAhead, cabinet_source};
use crate::row_fault::RowFault;
use crate::selection::PlannedFile;
use crate::session::Session;

/// Scripts with fewer bytes in cabinets are not read ahead: a thread would not be worth it.
const FEW_BYTES: u64 = 256 << 10;

/// What is wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceFault {
    /// A cabinet lacks a file.
    #[error("the cabinet {cabinet} holds no file {file}")]
    Lacks {
        /// The cabinet.
        cabinet: PathBuf,
        /// The file's name in it.
        file: String,
    },
    /// A cabinet is damaged.
    #[error("the cabinet {cabinet} is damaged")]
    Damaged {
        /// The cabinet.
        cabinet: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CabinetError,
    },
    /// A file cannot be opened.
    #[error("{path} cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// What a cabinet's failure is: its own, or that of whoever takes the content.
fn of_cabinet(cabinet: &Path, error: CabinetError) -> SourceError {
    match error {
        CabinetError::Write { .. } => error.into(),
        source => SourceFault::Damaged { cabinet: cabinet.to_owned(), source }.into(),
    }
}

/// The rows of the Media table by their last sequence number.
///
/// # Errors
/// When the table cannot be read.
pub fn media(package: &Package) -> Result<Vec<Media>, EngineError> {
    let mut media = package.rows::<Media>()?.to_vec();
    media.sort_by_key(|row| row.last_sequence);
    Ok(media)
}

/// Where a file comes from.
///
/// # Errors
/// When no medium holds its sequence number.
pub fn of_file(
    session: &Session<'_, '_>,
    media: &[Media],
    file: &PlannedFile,
) -> Result<Source, EngineError> {
    if file.row.attributes.is_compressed(session.package.summary()) {
        let position = media.partition_point(|medium| medium.last_sequence < file.row.sequence);
        let medium = media.get(position).ok_or_else(|| {
            EngineError::row("File", &file.row.file, RowFault::NoMedium { sequence: file.row.sequence })
        })?;
        if medium.cabinet().is_some() {
            return Ok(Source::Cabinet {
                media: medium.disk.unsigned_abs(),
                name: file.row.file.to_string(),
            });
        }
    }
    let image = session.package.source_image();
    let selection = session.selection()?;
    let folder = image.path(selection.tree(), selection.component_directory(&file.row.component));
    let folder = folder.unwrap_or_default();
    let names: Vec<&str> =
        folder.split('\\').filter(|name| !name.is_empty()).chain([file.row.name.name(image.names)]).collect();
    // What is not there is named by the path that it should have.
    let found = Beside::folder(session.source_folder()).find(names.iter().copied());
    let path =
        found.unwrap_or_else(|| names.iter().fold(session.source_folder(), |path, name| path.join(name)));
    Ok(Source::File { path })
}

/// What a source says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourceFacts {
    /// When it was changed.
    pub modified: Option<SystemTime>,
    /// How many bytes a loose file has. Those in cabinets have to have as many as the File table says.
    pub size: Option<u64>,
}

/// Opens sources while a script runs.
pub struct Sources {
    package: Arc<Package>,
    folder: PathBuf,
    /// What each medium's cabinet is called: `#stream`, or a file beside the package.
    cabinets: HashMap<u32, String>,
    open: HashMap<u32, CabinetSet>,
    ahead: Option<ReadAhead>,
}

impl Sources {
    /// The sources of a package; `folder` is where its cabinets and files lie.
    ///
    /// # Errors
    /// When the Media table cannot be read.
    pub fn new(package: Arc<Package>, folder: PathBuf) -> Result<Self, EngineError> {
        let mut cabinets = HashMap::new();
        for row in package.rows::<Media>()?.iter() {
            if let Some(name) = &row.cabinet_name {
                cabinets.insert(row.disk.unsigned_abs(), name.to_string());
            }
        }
        Ok(Self { package, folder, cabinets, open: HashMap::new(), ahead: None })
    }

    /// Reads what the script will need ahead of it, when that is much.
    pub fn read_ahead(&mut self, script: &Arc<InstallScript>) {
        let in_cabinet = |operation: &Operation| match operation {
            Operation::InstallFile(file) if cabinet_source(operation).is_some() => file.size,
            _ => 0,
        };
        let bytes =
            script.steps.iter().fold(0, |sum: u64, step| sum.saturating_add(in_cabinet(&step.operation)));
        if bytes < FEW_BYTES {
            return;
        }
        let mut sources = Self {
            package: self.package.clone(),
            folder: self.folder.clone(),
            cabinets: self.cabinets.clone(),
            open: std::mem::take(&mut self.open),
            ahead: None,
        };
        let begun = ReadAhead::begin(script.clone(), Box::new(move |source, out| sources.copy(source, out)));
        match begun {
            Ok(ahead) => self.ahead = Some(ahead),
            // Then it is read when it is asked for.
            Err(error) => tracing::debug!(%error, "no thread to read cabinets in"),
        }
    }

    /// What a source says of itself. Opens its cabinet: what is missing is found out before anything is changed.
    ///
    /// # Errors
    /// [`EngineError::SourceAbsent`] when the cabinet or file is not there.
    pub fn facts(&mut self, source: &Source) -> Result<SourceFacts, EngineError> {
        match source {
            Source::Cabinet { media, name } => {
                let path = self.cabinet_path(*media);
                let absent = |source| EngineError::SourceAbsent { path: path.clone(), source };
                let cabinet = self.cabinet(*media).map_err(absent)?;
                let index = cabinet.locate(name).map_err(|error| absent(of_cabinet(&path, error)))?;
                let index = index.ok_or_else(|| {
                    absent(SourceFault::Lacks { cabinet: path.clone(), file: name.clone() }.into())
                })?;
                let modified = cabinet.files().get(index).and_then(|file| file.modified).and_then(local_time);
                Ok(SourceFacts { modified, size: None })
            }
            Source::File { path } => {
                let facts = std::fs::metadata(path);
                let facts = facts.map_err(|error| EngineError::SourceAbsent {
                    path: path.clone(),
                    source: error.into(),
                })?;
                Ok(SourceFacts { modified: facts.modified().ok(), size: Some(facts.len()) })
            }
            Source::Stream { .. } => Ok(SourceFacts::default()),
        }
    }

    /// Writes a source's bytes.
    ///
    /// # Errors
    /// When the source is missing or damaged, or `out` fails.
    pub fn copy(&mut self, source: &Source, out: &mut dyn Write) -> Result<u64, SourceError> {
        match source {
            Source::Cabinet { media, name } => {
                if let Some(copied) = self.ahead.as_mut().and_then(|ahead| ahead.copy(source, out)) {
                    return copied;
                }
                let path = self.cabinet_path(*media);
                let cabinet = self.cabinet(*media)?;
                let index = cabinet
                    .locate(name)
                    .map_err(|error| of_cabinet(&path, error))?
                    .ok_or_else(|| SourceFault::Lacks { cabinet: path.clone(), file: name.clone() })?;
                cabinet.copy(index, out).map_err(|error| of_cabinet(&path, error))
            }
            Source::File { path } => {
                let file = File::open(path);
                let file = file.map_err(|source| SourceFault::Open { path: path.clone(), source })?;
                // A package of hundreds of megabytes is kept this way.
                Ok(io::copy(&mut BufReader::with_capacity(1 << 18, file), out)?)
            }
            Source::Stream { name } => {
                let stream = self.package.database().stream(name)?;
                let mut stream = stream.ok_or_else(|| format!("the package has no stream {name}"))?;
                Ok(io::copy(&mut stream, out)?)
            }
        }
    }

    fn cabinet_path(&self, media: u32) -> PathBuf {
        self.folder.join(self.cabinets.get(&media).map_or("", |name| name.as_str()))
    }

    fn cabinet(&mut self, media: u32) -> Result<&mut CabinetSet, SourceError> {
        if !self.open.contains_key(&media) {
            let name = self.cabinets.get(&media).ok_or_else(|| format!("medium {media} has no cabinet"))?;
            let first: Box<dyn ReadSeek> = match name.strip_prefix('#') {
                Some(stream) => {
                    let content = self.package.database().stream(stream)?;
                    Box::new(content.ok_or_else(|| format!("the package has no cabinet {stream}"))?)
                }
                None => open_beside(&self.folder, name)?,
            };
            let folder = self.folder.clone();
            let set = CabinetSet::open(first, Box::new(move |next| open_beside(&folder, next)))?;
            self.open.insert(media, set);
        }
        self.open.get_mut(&media).ok_or_else(|| "the cabinet is not open".into())
    }
}

/// The name is the package's, and leads nowhere out of the folder of the source.
fn open_beside(folder: &Path, name: &str) -> io::Result<Box<dyn ReadSeek>> {
    let found = Beside::folder(folder.to_owned()).find([name]);
    let absent =
        || io::Error::new(io::ErrorKind::NotFound, format!("there is no file '{name}' beside the package"));
    let file = File::open(found.ok_or_else(absent)?)?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// A cabinet's time, which is local time and does not say of which place.
pub fn local_time(time: DosDateTime) -> Option<SystemTime> {
    let part = |number: u8| i8::try_from(number).ok();
    let (year, month, day) = (i16::try_from(time.year()).ok()?, part(time.month())?, part(time.day())?);
    let time = jiff::civil::DateTime::new(
        year,
        month,
        day,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
        0,
    );
    Some(time.ok()?.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp().into())
}
