//! `reseat diff`: what differs between two packages.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::ProgressBar;
use reseat_database::difference::{self, Difference, RowChange, Step, TableChange};
use reseat_database::{Column, Database, DatabaseError, PropertyValue, Value};
use serde::Serialize;
use serde_json::{Map, json};

use super::info::{summary_name, summary_text};
use crate::arguments::Global;
use crate::arguments::package::Diff;
use crate::extraction::{Choice, FileSource, Origin, Plan};
use crate::failure::Failure;
use crate::{output, package_file, progress};

/// Exit code when something cannot be read, as `diff` has it.
const TROUBLE: u8 = 2;

/// A file of the packages that differs.
#[derive(Debug, Serialize)]
struct FileDifference {
    path: String,
    /// Sizes in bytes; nothing where it is not there.
    old_size: Option<u64>,
    new_size: Option<u64>,
}

/// Prints what differs.
pub fn run(global: &Global, arguments: &Diff) -> Result<ExitCode, Failure> {
    compare(global, arguments).map_err(|failure| failure.with_exit(TROUBLE))
}

fn compare(global: &Global, arguments: &Diff) -> Result<ExitCode, Failure> {
    let one = Arc::new(package_file::open(global, &arguments.one)?);
    let other = Arc::new(package_file::open(global, &arguments.other)?);
    let failed = |error: reseat_database::DatabaseError| {
        let both = format!("{} and {}", arguments.one.display(), arguments.other.display());
        Failure::about(Path::new(&both), &error)
    };
    let mut files = Vec::new();
    let mut notes = Vec::new();
    let difference = if arguments.tables.is_empty() {
        let bars = Bars::new(global, [&one, &other], |_| true).map_err(failed)?;
        let difference =
            difference::compare_with(&one, &other, &mut |step| bars.step(step)).map_err(failed)?;
        bars.clear();
        if !difference.is_empty() {
            let old = contents(global, &arguments.one, &one, &mut notes)?;
            let new = contents(global, &arguments.other, &other, &mut notes)?;
            files = compare_files(old, new);
        }
        difference
    } else {
        for name in &arguments.tables {
            if one.columns(name).is_none() {
                package_file::table(&arguments.other, &other, name)?;
            }
        }
        let names: BTreeSet<&str> = arguments.tables.iter().map(String::as_str).collect();
        let bars = Bars::new(global, [&one, &other], |name| names.contains(name)).map_err(failed)?;
        let tables =
            difference::compare_tables(&one, &other, names.iter().copied(), &mut |step| bars.step(step));
        bars.clear();
        Difference { tables: tables.map_err(failed)?, ..Difference::default() }
    };
    package_file::print_warnings(global, &arguments.one, &one);
    package_file::print_warnings(global, &arguments.other, &other);
    if !global.quiet {
        notes.iter().for_each(|note| eprintln!("reseat: warning: {}", output::one_line(note)));
    }
    let code = if difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    output::write(code, |out| match global.json {
        true => output::write_json(&to_json(&difference, &files), out),
        false => write(&difference, &files, out),
    })
}

/// The progress of a comparison: rows, then bytes of streams.
struct Bars {
    rows: ProgressBar,
    bytes: ProgressBar,
}

impl Bars {
    /// Bars for the tables of two packages that are compared, and for all their streams.
    fn new(
        global: &Global,
        databases: [&Database; 2],
        compared: impl Fn(&str) -> bool,
    ) -> Result<Self, DatabaseError> {
        let mut rows = 0;
        for database in databases {
            let tables = package_file::row_counts(database)?;
            rows += tables.iter().filter(|(name, _)| compared(name)).map(|(_, rows)| rows).sum::<u64>();
        }
        let bytes = databases.map(package_file::stream_bytes).into_iter().min().unwrap_or_default();
        Ok(Self { rows: progress::counted(global, rows, "rows"), bytes: progress::bytes(global, bytes) })
    }

    fn step(&self, step: Step) {
        match step {
            Step::Rows(rows) => self.rows.inc(rows),
            Step::Bytes(bytes) => {
                if !self.rows.is_finished() {
                    self.rows.finish_and_clear();
                }
                self.bytes.inc(bytes);
            }
        }
    }

    fn clear(&self) {
        self.rows.finish_and_clear();
        self.bytes.finish_and_clear();
    }
}

/// A file of a package.
struct Content {
    path: String,
    size: u64,
    fingerprint: Option<u64>,
}

/// The files of a package with fingerprints of their contents, read in one pass for each cabinet.
fn contents(
    global: &Global,
    path: &Path,
    database: &Arc<Database>,
    notes: &mut Vec<String>,
) -> Result<Vec<Content>, Failure> {
    let mut plan = match Plan::new(path, database, &Choice::default()) {
        Ok(plan) => plan,
        Err(failure) => {
            notes.push(format!("{failure}: its files are not compared"));
            return Ok(Vec::new());
        }
    };
    let bar = progress::bytes(global, plan.files.iter().map(|file| file.size).sum());
    let mut found = Vec::with_capacity(plan.files.len());
    let mut wanted: Vec<HashMap<Arc<str>, usize>> = plan.cabinets.iter().map(|_| HashMap::new()).collect();
    // The plan goes as the list grows: there may be very many files.
    for file in std::mem::take(&mut plan.files) {
        let mut content = Content { path: file.path(), size: file.size, fingerprint: None };
        match &file.source {
            FileSource::Cabinet { cabinet, .. } => {
                if let Some(wanted) = wanted.get_mut(*cabinet) {
                    wanted.insert(file.key, found.len());
                }
            }
            FileSource::Loose(path) => {
                let mut fingerprint = Fingerprint::default();
                match std::fs::File::open(path)
                    .and_then(|mut file| io::copy(&mut file, &mut bar.wrap_write(&mut fingerprint)))
                {
                    Ok(size) => {
                        (content.size, content.fingerprint) = (size, Some(fingerprint.0.finish()));
                    }
                    Err(error) => notes.push(format!("{}: {error}", path.display())),
                }
            }
            FileSource::Nowhere => {}
        }
        found.push(content);
    }
    for (source, wanted) in plan.cabinets.iter().zip(wanted) {
        let mut set = match source.open(&Origin::package(path, database)) {
            Ok(set) => set,
            Err(error) => {
                notes.push(format!("{}: {error}; its files are not compared", path.display()));
                continue;
            }
        };
        if let Err(error) = set.open_all() {
            notes.push(format!("{}: cabinet '{}': {error}", path.display(), source.name()));
        }
        for index in set.reading_order() {
            let Some(file) = set.files().get(index) else { continue };
            let Some(content) = wanted.get(file.name.as_str()).and_then(|place| found.get_mut(*place)) else {
                continue;
            };
            let mut fingerprint = Fingerprint::default();
            match set.copy(index, &mut bar.wrap_write(&mut fingerprint)) {
                Ok(size) => (content.size, content.fingerprint) = (size, Some(fingerprint.0.finish())),
                Err(error) => notes.push(format!("{}: cabinet '{}': {error}", path.display(), source.name())),
            }
        }
    }
    bar.finish_and_clear();
    found.sort_by(|one: &Content, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Bytes are hashed as they are written.
#[derive(Default)]
struct Fingerprint(DefaultHasher);

impl Write for Fingerprint {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The files that differ; both lists are sorted by path.
fn compare_files(old: Vec<Content>, new: Vec<Content>) -> Vec<FileDifference> {
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    let mut differences = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return differences,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.path.cmp(&new.path),
        };
        let one = old.next_if(|_| order.is_le());
        let other = new.next_if(|_| order.is_ge());
        if let (Some(one), Some(other)) = (&one, &other) {
            let is_same = match (one.fingerprint, other.fingerprint) {
                // Where a content is not known the sizes have to do.
                (Some(first), Some(second)) => (one.size, first) == (other.size, second),
                _ => one.size == other.size,
            };
            if is_same {
                continue;
            }
        }
        let (old_size, new_size) = (one.as_ref().map(|file| file.size), other.as_ref().map(|file| file.size));
        let Some(path) = one.or(other).map(|file| file.path) else { continue };
        differences.push(FileDifference { path, old_size, new_size });
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => format!("'{}'", output::one_line(text)),
        Value::Stream => "stream".to_owned(),
    }
}

fn column_text(column: Option<&Column>) -> String {
    let Some(column) = column else { return "none".to_owned() };
    let mut text = package_file::column_type(column.kind);
    for (has, word) in
        [(!column.nullable, " NOT NULL"), (column.localizable, " LOCALIZABLE"), (column.key, " KEY")]
    {
        if has {
            text.push_str(word);
        }
    }
    text
}

fn sizes(old: Option<u64>, new: Option<u64>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if old == new => format!("{new} bytes, other content"),
        (Some(old), Some(new)) => format!("{old} -> {new} bytes"),
        (Some(old), None) => format!("{old} bytes"),
        (None, Some(new)) => format!("{new} bytes"),
        (None, None) => String::new(),
    }
}

/// `-` is only in the first, `+` only in the second, `~` in both.
fn sign<T, U>(old: Option<T>, new: Option<U>) -> char {
    match (old, new) {
        (_, None) => '-',
        (None, _) => '+',
        _ => '~',
    }
}

/// Two values of a summary property as texts that differ: times within one second are shown to their last digit.
fn summary_texts(
    number: u32,
    old: Option<&PropertyValue>,
    new: Option<&PropertyValue>,
) -> [Option<String>; 2] {
    let texts = [old, new].map(|value| value.map(|value| summary_text(number, value)));
    match (old, new) {
        (Some(PropertyValue::Time(old)), Some(PropertyValue::Time(new))) if texts[0] == texts[1] => {
            [old, new].map(|time| Some(format!("{time}.{:07} UTC", time.0 % 10_000_000)))
        }
        _ => texts,
    }
}

fn write(difference: &Difference, files: &[FileDifference], out: &mut impl Write) -> io::Result<()> {
    if let Some((old, new)) = difference.code_pages {
        writeln!(out, "~ code page: {old} -> {new}")?;
    }
    for (number, old, new) in &difference.summary {
        let sign = sign(old.as_ref(), new.as_ref());
        let [old, new] = summary_texts(*number, old.as_ref(), new.as_ref())
            .map(|text| text.map_or("none".to_owned(), |text| format!("'{text}'")));
        writeln!(out, "{sign} summary {}: {old} -> {new}", summary_name(*number))?;
    }
    for table in &difference.tables {
        let name = output::one_line(&table.table);
        match &table.change {
            TableChange::Removed(rows) => writeln!(out, "- table {name} ({rows} rows)")?,
            TableChange::Added(rows) => writeln!(out, "+ table {name} ({rows} rows)")?,
            TableChange::Changed { columns, rows } => {
                writeln!(out, "~ table {name}")?;
                for (old, new) in columns {
                    let column = old.as_ref().or(new.as_ref()).map_or("", |column| &column.name);
                    let (was, is) = (column_text(old.as_ref()), column_text(new.as_ref()));
                    let sign = sign(old.as_ref(), new.as_ref());
                    writeln!(out, "  {sign} column {}: {was} -> {is}", output::one_line(column))?;
                }
                for row in rows {
                    let key = output::one_line(&row.key);
                    match &row.change {
                        RowChange::Removed(values) => writeln!(out, "  - {key}: {}", values_text(values))?,
                        RowChange::Added(values) => writeln!(out, "  + {key}: {}", values_text(values))?,
                        RowChange::Changed(values) => {
                            writeln!(out, "  ~ {key}")?;
                            for (column, old, new) in values {
                                writeln!(out, "      {column}: {} -> {}", text(old), text(new))?;
                            }
                        }
                    }
                }
            }
        }
    }
    for stream in &difference.streams {
        let sign = sign(stream.one, stream.other);
        writeln!(
            out,
            "{sign} stream {}: {}",
            output::one_line(&stream.name),
            sizes(stream.one, stream.other)
        )?;
    }
    for (name, one, other) in &difference.storages {
        writeln!(out, "{} storage {}", sign(one.then_some(()), other.then_some(())), output::one_line(name))?;
    }
    for file in files {
        let sign = sign(file.old_size, file.new_size);
        writeln!(
            out,
            "{sign} file {}: {}",
            output::one_line(&file.path),
            sizes(file.old_size, file.new_size)
        )?;
    }
    Ok(())
}

fn values_text(values: &[(String, Value)]) -> String {
    let set = values.iter().filter(|(_, value)| *value != Value::Null);
    set.map(|(name, value)| format!("{}={}", output::one_line(name), text(value)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn to_json(difference: &Difference, files: &[FileDifference]) -> serde_json::Value {
    let value = |value: &Value| package_file::json_value(String::new, value);
    let values = |values: &[(String, Value)]| -> Map<String, serde_json::Value> {
        values.iter().map(|(name, content)| (name.clone(), value(content))).collect()
    };
    let tables: Vec<_> = difference
        .tables
        .iter()
        .map(|table| match &table.change {
            TableChange::Removed(rows) => {
                json!({ "table": table.table, "change": "removed", "row_count": rows })
            }
            TableChange::Added(rows) => json!({ "table": table.table, "change": "added", "row_count": rows }),
            TableChange::Changed { columns, rows } => {
                let column = |column: &Option<Column>| column.as_ref().map(package_file::json_column);
                let columns: Vec<_> = columns
                    .iter()
                    .map(|(old, new)| json!({ "old": column(old), "new": column(new) }))
                    .collect();
                let rows: Vec<_> = rows
                    .iter()
                    .map(|row| match &row.change {
                        RowChange::Removed(old) => {
                            json!({ "change": "removed", "key": row.key, "values": values(old) })
                        }
                        RowChange::Added(new) => {
                            json!({ "change": "added", "key": row.key, "values": values(new) })
                        }
                        RowChange::Changed(changes) => {
                            let changes: Map<_, _> = changes
                                .iter()
                                .map(|(name, old, new)| {
                                    (name.clone(), json!({ "old": value(old), "new": value(new) }))
                                })
                                .collect();
                            json!({ "change": "changed", "key": row.key, "columns": changes })
                        }
                    })
                    .collect();
                json!({ "table": table.table, "change": "changed", "columns": columns, "rows": rows })
            }
        })
        .collect();
    let streams: Vec<_> = difference
        .streams
        .iter()
        .map(|stream| json!({ "name": stream.name, "old_size": stream.one, "new_size": stream.other }))
        .collect();
    let storages: Vec<_> = difference
        .storages
        .iter()
        .map(|(name, one, other)| json!({ "name": name, "in_old": one, "in_new": other }))
        .collect();
    let summary: Vec<_> = difference
        .summary
        .iter()
        .map(|(number, old, new)| {
            let [old, new] = summary_texts(*number, old.as_ref(), new.as_ref());
            json!({ "property": summary_name(*number), "old": old, "new": new })
        })
        .collect();
    json!({
        "code_pages": difference.code_pages.map(|(old, new)| json!({ "old": old, "new": new })),
        "summary": summary,
        "tables": tables,
        "streams": streams,
        "storages": storages,
        "files": files,
    })
}
