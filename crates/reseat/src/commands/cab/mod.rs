//! `reseat cab`: lists and unpacks cabinets; `create` makes them.

mod create;

use std::path::Path;
use std::process::ExitCode;

use reseat_cabinet::{CabinetSet, WriterCompression};
use serde::Serialize;
use serde_json::json;

use crate::arguments::{Cab, Compress, Global};
use crate::extraction::{CabinetSource, CabinetSourceError, Choice, Existing, Origin, Plan, Target, unpack};
use crate::failure::{self, Failure};
use crate::{output, progress};

#[derive(Serialize)]
struct Line {
    size: u64,
    modified: String,
    name: String,
}

/// Runs a command for a cabinet.
pub fn run(global: &Global, command: &Cab) -> Result<ExitCode, Failure> {
    match command {
        Cab::List { cabinet } => list(global, cabinet),
        Cab::Extract { cabinet, folder, only, overwrite } => {
            let existing = if *overwrite { Existing::Replace } else { Existing::Keep };
            extract(global, cabinet, folder, existing, &Choice { only: only.clone(), flat: false })
        }
        Cab::Create { cabinet, files, compress, store, max_size } => {
            let compression = match compress {
                _ if *store => WriterCompression::Stored,
                Compress::None => WriterCompression::Stored,
                Compress::Mszip => WriterCompression::Mszip { level: 6 },
                Compress::Lzx => WriterCompression::Lzx { window_bits: 21 },
            };
            create::run(global, cabinet, files, compression, *max_size)
        }
    }
}

/// A set that is listed as a whole, as far as its cabinets are there.
struct Listed {
    source: CabinetSource,
    set: CabinetSet,
    /// Cabinets that are missing or damaged, so that files are.
    problems: Vec<String>,
}

fn open(cabinet: &Path) -> Result<Listed, Failure> {
    let source = CabinetSource::File(cabinet.to_owned());
    let mut set = source.open(&Origin::cabinet(cabinet)).map_err(|error| match error {
        CabinetSourceError::Missing { reason, .. } => Failure::usage(reason),
        CabinetSourceError::Damaged { source, .. } => Failure::about(cabinet, &source),
    })?;
    let mut problems = Vec::new();
    if let Some(previous) = set.previous_name() {
        problems.push(format!("the cabinet before the first one, '{previous}', is not beside it"));
    }
    if let Err(error) = set.open_all() {
        problems.push(failure::with_causes(&error));
    }
    Ok(Listed { source, set, problems })
}

fn list(global: &Global, cabinet: &Path) -> Result<ExitCode, Failure> {
    let Listed { set, problems, .. } = open(cabinet)?;
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
        vec![line.size.to_string(), line.modified.clone(), output::one_line(&line.name)]
    });
    Ok(report(cabinet, &problems))
}

fn report(cabinet: &Path, problems: &[String]) -> ExitCode {
    for problem in problems {
        eprintln!("reseat: {}: {}", cabinet.display(), output::one_line(problem));
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn extract(
    global: &Global,
    cabinet: &Path,
    folder: &Path,
    existing: Existing,
    choice: &Choice,
) -> Result<ExitCode, Failure> {
    let Listed { source, set, problems } = open(cabinet)?;
    let mut plan = Plan { cabinets: vec![source], problems, ..Plan::default() };
    plan.add_files(&set, choice);
    drop(set);
    if !choice.only.is_empty() && plan.files.is_empty() {
        let patterns = choice.only.join(" or ");
        return Err(Failure::message(format!("{}: no file matches {patterns}", cabinet.display())));
    }
    let target = Target::open(folder, existing).map_err(|error| Failure::about(folder, &error))?;
    let bar = progress::bytes(global, plan.files.iter().map(|file| file.size).sum());
    let mut done = unpack(&Origin::cabinet(cabinet), &plan, target, &bar);
    bar.finish_and_clear();
    done.problems.append(&mut plan.problems);
    done.problems.sort();
    let code = report(cabinet, &done.problems);
    if global.json {
        let result = json!({
            "folder": folder,
            "files": done.files,
            "bytes": done.bytes,
            "warnings": plan.notes,
            "problems": done.problems,
        });
        return output::write(code, |out| output::write_json(&result, out));
    }
    if !global.quiet {
        for note in &plan.notes {
            eprintln!("reseat: warning: {}: {}", cabinet.display(), output::one_line(note));
        }
        eprintln!("{}: {} files, {} bytes", folder.display(), done.files, done.bytes);
    }
    Ok(code)
}
