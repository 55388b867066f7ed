//! `reseat cab`: lists, unpacks and makes cabinets.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use jiff::Zoned;
use reseat_cabinet::{
    CabinetError, CabinetSet, CabinetWriter, DosDateTime, ReadSeek, WriterCompression, WriterOptions,
};
use serde::Serialize;

use crate::arguments::{Cab, Global};
use crate::extraction;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Line {
    size: u64,
    modified: String,
    name: String,
}

/// Runs a command for a cabinet.
pub fn run(global: &Global, command: &Cab) -> Result<ExitCode, Failure> {
    match command {
        Cab::List { cabinet } => {
            let set = open(cabinet)?;
            let lines: Vec<Line> = set
                .files()
                .iter()
                .map(|file| Line {
                    size: file.size,
                    modified: file.modified.map(|time| time.to_string()).unwrap_or_default(),
                    name: file.name.clone(),
                })
                .collect();
            output::list(global, &["size", "modified", "name"], &lines, |line| {
                vec![line.size.to_string(), line.modified.clone(), line.name.clone()]
            });
        }
        Cab::Extract { cabinet, folder } => extract(cabinet, folder)?,
        Cab::Create { cabinet, files, store } => {
            let mut options = WriterOptions::default();
            if *store {
                options.compression = WriterCompression::Stored;
            }
            create(cabinet, files, options)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> Result<CabinetSet, Failure> {
    let cabinet = path.to_owned();
    let first = File::open(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let next = Box::new(move |name: &str| beside(&cabinet, name));
    CabinetSet::open(Box::new(BufReader::new(first)), next).map_err(|error| Failure::about(path, &error))
}

/// Opens the next cabinet of a set, whatever its name's letter case.
fn beside(cabinet: &Path, name: &str) -> io::Result<Box<dyn ReadSeek>> {
    let absent = || io::Error::new(io::ErrorKind::NotFound, format!("{name} is not beside the cabinet"));
    let path = extraction::find_beside(cabinet, name).ok_or_else(absent)?;
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

fn extract(cabinet: &Path, folder: &Path) -> Result<(), Failure> {
    let wrong = |error: CabinetError| Failure::about(cabinet, &error);
    let mut set = open(cabinet)?;
    let names: Vec<String> = set.files().iter().map(|file| file.name.clone()).collect();
    for (index, name) in names.iter().enumerate() {
        let relative = PathBuf::from(name.replace('\\', "/"));
        if !relative.components().all(|component| matches!(component, Component::Normal(_))) {
            return Err(Failure::usage(format!("{name} would lie outside of {}", folder.display())));
        }
        let path = folder.join(relative);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // A file that is there already is never written through: it may be a link that leads elsewhere.
        let mut file = File::create_new(&path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        set.copy(index, &mut file).map_err(wrong)?;
    }
    Ok(())
}

fn create(cabinet: &Path, files: &[String], options: WriterOptions) -> Result<(), Failure> {
    let folder = cabinet.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer = CabinetWriter::create_with(temporary, options)?;
    for file in files {
        let (name, path) = match file.split_once('=') {
            Some((name, path)) => (name.to_owned(), Path::new(path)),
            None => {
                let path = Path::new(file);
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (name, path)
            }
        };
        let content =
            File::open(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        let modified = modified(&content)?;
        writer.add(&name, &mut BufReader::new(content), modified, 0)?;
    }
    let temporary = writer.finish()?;
    temporary.as_file().sync_all()?;
    temporary.persist(cabinet).map_err(|error| Failure::from(error.error))?;
    Ok(())
}

/// When a file was changed, in local time, as cabinets write it.
fn modified(file: &File) -> Result<Option<DosDateTime>, Failure> {
    let Ok(time) = Zoned::try_from(file.metadata()?.modified()?) else { return Ok(None) };
    let part = |number: i8| u8::try_from(number).unwrap_or(0);
    let year = u16::try_from(time.year()).unwrap_or(0);
    let (month, day) = (part(time.month()), part(time.day()));
    Ok(DosDateTime::new(year, month, day, part(time.hour()), part(time.minute()), part(time.second())))
}
