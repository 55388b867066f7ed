//! `reseat cab create`: a new cabinet, or a set of them.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::ProgressBar;
use jiff::Zoned;
use reseat_cabinet::{
    CabinetError, CabinetSetWriter, CabinetWriter, DosDateTime, WriterCompression, WriterOptions,
};
use reseat_database::replacement;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::{output, progress};

/// A file that goes into the cabinet.
struct Input {
    name: String,
    path: PathBuf,
}

#[derive(Serialize)]
struct Made {
    cabinet: String,
    size: u64,
}

/// Makes the cabinet. Nothing is replaced before all of it is written.
pub fn run(
    global: &Global,
    cabinet: &Path,
    files: &[String],
    compression: WriterCompression,
    max_size: Option<u64>,
) -> Result<ExitCode, Failure> {
    let folder = cabinet.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::message(format!("{}: there is no folder of this name", folder.display())));
    }
    let inputs: Vec<Input> = files.iter().map(|file| input(file)).collect();
    let sizes = inputs.iter().filter_map(|input| input.path.metadata().ok()).map(|facts| facts.len());
    let bar = progress::bytes(global, sizes.sum());
    let options = WriterOptions { compression, ..WriterOptions::default() };
    let written = match max_size {
        Some(most) => set(&inputs, folder, cabinet, most, options, &bar),
        None => single(&inputs, cabinet, options, &bar),
    };
    bar.finish_and_clear();
    let mut made = Vec::new();
    for (temporary, name) in written? {
        temporary.as_file().sync_all()?;
        let size = temporary.as_file().metadata()?.len();
        let path = folder.join(name);
        temporary.persist(&path).map_err(|error| Failure::from(error.error))?;
        made.push(Made { cabinet: path.display().to_string(), size });
    }
    if global.json {
        return output::write(ExitCode::SUCCESS, |out| output::write_json(&made, out));
    }
    if !global.quiet {
        for Made { cabinet, size } in &made {
            eprintln!("{cabinet}: {size} bytes");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn input(file: &str) -> Input {
    if let Some((name, path)) = file.split_once('=') {
        return Input { name: name.to_owned(), path: path.into() };
    }
    let path = PathBuf::from(file);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Input { name, path }
}

fn single(
    inputs: &[Input],
    cabinet: &Path,
    options: WriterOptions,
    bar: &ProgressBar,
) -> Result<Vec<(NamedTempFile, PathBuf)>, Failure> {
    let mut writer = CabinetWriter::create_with(begin(cabinet)?, options)?;
    add_all(inputs, bar, |name, content, modified| writer.add(name, content, modified, 0))?;
    let name = cabinet.file_name().unwrap_or_default();
    Ok(vec![(writer.finish()?, name.into())])
}

fn begin(cabinet: &Path) -> Result<NamedTempFile, Failure> {
    replacement::begin(cabinet).map_err(|error| Failure::message(format!("{}: {error}", cabinet.display())))
}

fn set(
    inputs: &[Input],
    folder: &Path,
    cabinet: &Path,
    most: u64,
    options: WriterOptions,
    bar: &ProgressBar,
) -> Result<Vec<(NamedTempFile, PathBuf)>, Failure> {
    let pattern = cabinet.file_name().and_then(|name| name.to_str());
    let pattern =
        pattern.ok_or_else(|| Failure::usage("the name of a set has to be readable text"))?.to_owned();
    // Sets of the same name and files are alike to the byte.
    let mut mark = DefaultHasher::new();
    inputs.iter().for_each(|input| input.name.hash(&mut mark));
    pattern.hash(&mut mark);
    let options = WriterOptions { set_id: mark.finish() as u16, ..options };
    let name = Box::new(move |number| numbered(&pattern, number));
    let mut writer = CabinetSetWriter::create(most, name, options)?;
    add_all(inputs, bar, |name, content, modified| writer.add(name, content, modified, 0))?;
    let mut names = Vec::new();
    let written = writer.finish(|name| {
        names.push(PathBuf::from(name));
        replacement::begin(&folder.join(name))
    })?;
    Ok(written.into_iter().zip(names).collect())
}

/// The name of a cabinet of a set.
fn numbered(pattern: &str, number: usize) -> String {
    if pattern.contains('*') {
        return pattern.replace('*', &number.to_string());
    }
    match pattern.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}{number}.{extension}"),
        None => format!("{pattern}{number}"),
    }
}

fn add_all(
    inputs: &[Input],
    bar: &ProgressBar,
    mut add: impl FnMut(&str, &mut dyn Read, Option<DosDateTime>) -> Result<u64, CabinetError>,
) -> Result<(), Failure> {
    for Input { name, path } in inputs {
        let content =
            File::open(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        let modified = modified(&content)?;
        add(name, &mut bar.wrap_read(BufReader::new(content)), modified)?;
    }
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

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn cabinets_of_a_set_are_numbered() {
        for (pattern, name) in
            [("a.cab", "a3.cab"), ("disk*.cab", "disk3.cab"), ("data", "data3"), ("a.b.cab", "a.b3.cab")]
        {
            assert_eq!(numbered(pattern, 3), name);
        }
    }
}
