//! `reseat streams`: what a package holds besides its tables.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use reseat_database::Database;
use serde::Serialize;

use crate::arguments::Global;
use crate::arguments::package::Streams;
use crate::failure::Failure;
use crate::{output, package_file};

#[derive(Serialize)]
struct Line {
    name: String,
    /// `stream` or `storage`.
    kind: &'static str,
    /// In bytes; a storage has none of its own.
    size: Option<u64>,
}

/// Lists the streams or writes one out.
pub fn run(global: &Global, arguments: &Streams) -> Result<ExitCode, Failure> {
    let path = &arguments.package;
    let database = package_file::open(global, path)?;
    match &arguments.name {
        Some(name) => write_out(path, &database, name, arguments.output.as_deref()),
        None => list(global, path, &database),
    }
}

fn list(global: &Global, path: &Path, database: &Database) -> Result<ExitCode, Failure> {
    let mut lines = Vec::new();
    for name in database.stream_names() {
        let stream = database.stream(&name).map_err(|error| Failure::about(path, &error))?;
        lines.push(Line { size: stream.map(|stream| stream.len()), kind: "stream", name });
    }
    lines.extend(database.storage_names().into_iter().map(|name| Line { name, kind: "storage", size: None }));
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    package_file::print_warnings(global, path, database);
    if global.json {
        return output::write(ExitCode::SUCCESS, |out| output::write_json(&lines, out));
    }
    let rows = lines.iter().map(|line| {
        let size = line.size.map(|size| size.to_string()).unwrap_or_default();
        vec![size, line.kind.to_owned(), output::one_line(&line.name)]
    });
    let text = output::fitted(&["size", "kind", "name"], rows);
    output::write(ExitCode::SUCCESS, |out| io::Write::write_all(out, text.as_bytes()))
}

fn write_out(path: &Path, database: &Database, name: &str, file: Option<&Path>) -> Result<ExitCode, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| Failure::about(path, error);
    let Some(mut stream) = database.stream(name).map_err(|error| failed(&error))? else {
        let known = database.stream_names();
        let failure =
            Failure::usage(format!("{}: there is no stream '{}'", path.display(), output::one_line(name)));
        return Err(match known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            Some(known) => failure.with_hint(format!("there is a stream '{}'", output::one_line(known))),
            None => failure.with_hint(format!("reseat streams {} lists them", path.display())),
        });
    };
    let Some(file) = file else {
        return output::write(ExitCode::SUCCESS, |out| io::copy(&mut stream, out).map(drop));
    };
    let named = |error: io::Error| Failure::message(format!("{}: {error}", file.display()));
    let mut out = File::create(file).map_err(named)?;
    io::copy(&mut stream, &mut out).map_err(named)?;
    Ok(ExitCode::SUCCESS)
}
