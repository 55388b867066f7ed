//! `reseat extract`: unpacks the files of a package.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use crate::arguments::Global;
use crate::arguments::package::Extract;
use crate::extraction::{Choice, Existing, FileSource, Origin, Plan, Target, unpack};
use crate::failure::Failure;
use crate::{output, package_file, progress};

/// Unpacks or lists the files.
pub fn run(global: &Global, arguments: &Extract) -> Result<ExitCode, Failure> {
    let path = &arguments.package;
    let database = Arc::new(package_file::open(global, path)?);
    let choice = Choice { flat: arguments.flat, only: arguments.only.clone() };
    let plan = Plan::new(path, &database, &choice)?;
    package_file::print_warnings(global, path, &database);
    if !arguments.only.is_empty() && plan.files.is_empty() {
        return Err(Failure::message(format!(
            "{}: no file matches {}",
            path.display(),
            arguments.only.join(" or ")
        )));
    }
    if arguments.list {
        return list(global, path, &plan);
    }
    let folder = arguments.folder.clone().map_or_else(|| own_folder(path), Ok)?;
    let existing = if arguments.overwrite { Existing::Replace } else { Existing::Keep };
    let target = Target::open(&folder, existing).map_err(|error| Failure::about(&folder, &error))?;
    let bar = progress::bytes(global, plan.files.iter().map(|file| file.size).sum());
    let mut report = unpack(&Origin::package(path, &database), &plan, target, &bar);
    bar.finish_and_clear();
    report.problems.extend(plan.problems.iter().cloned());
    report.problems.sort();
    report.warnings.sort();
    if !global.quiet {
        for note in plan.notes.iter().chain(&report.warnings) {
            eprintln!("reseat: warning: {}: {}", path.display(), output::one_line(note));
        }
    }
    for problem in &report.problems {
        eprintln!("reseat: {}: {}", path.display(), output::one_line(problem));
    }
    let code = if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if global.json {
        let result = json!({
            "folder": folder,
            "files": report.files,
            "bytes": report.bytes,
            "warnings": plan.notes.iter().chain(&report.warnings).collect::<Vec<_>>(),
            "problems": report.problems,
        });
        return output::write(code, |out| output::write_json(&result, out));
    }
    if !global.quiet {
        eprintln!("{}: {} files, {} bytes", folder.display(), report.files, report.bytes);
    }
    Ok(code)
}

/// A folder with the package's name, in the current one.
fn own_folder(package: &Path) -> Result<PathBuf, Failure> {
    match package.file_stem() {
        Some(stem) if package.extension().is_some() => Ok(stem.into()),
        _ => Err(Failure::usage(
            "name the folder to unpack to: the package's name has no extension to leave out",
        )),
    }
}

fn list(global: &Global, path: &Path, plan: &Plan) -> Result<ExitCode, Failure> {
    for problem in &plan.problems {
        eprintln!("reseat: {}: {}", path.display(), output::one_line(problem));
    }
    let code = if plan.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let source = |source: &FileSource| match source {
        FileSource::Cabinet { cabinet, .. } => {
            plan.cabinets.get(*cabinet).map(|cabinet| cabinet.name().to_owned())
        }
        FileSource::Loose(path) => Some(path.display().to_string()),
        FileSource::Nowhere => None,
    };
    if global.json {
        let files: Vec<_> = plan
            .files
            .iter()
            .map(|file| {
                json!({
                    "path": file.path(),
                    "size": file.size,
                    "file": &*file.key,
                    "component": file.component.as_deref(),
                    "version": file.version.as_deref(),
                    "source": source(&file.source),
                })
            })
            .collect();
        return output::write(code, |out| output::write_json(&files, out));
    }
    if !global.quiet {
        for note in &plan.notes {
            eprintln!("reseat: warning: {}: {}", path.display(), output::one_line(note));
        }
    }
    let rows = plan.files.iter().map(|file| vec![file.size.to_string(), output::one_line(&file.path())]);
    let text = output::fitted(&["size", "path"], rows);
    output::write(code, |out| std::io::Write::write_all(out, text.as_bytes()))
}
