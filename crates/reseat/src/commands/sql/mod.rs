//! `reseat sql`: asks and changes a package by queries.

mod prompt;
mod statements;

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use reseat_database::Database;
use reseat_database::sql::{ResultColumn, ResultRow, Rows, SqlError, View};
use reseat_engine::{NumberedMessage, of_query};
use serde_json::{Map, json};

use crate::arguments::Global;
use crate::arguments::package::Sql;
use crate::failure::{Failure, in_language, numbered};
use crate::{output, package_file};

/// Runs one query, those of standard input, or those that are typed.
pub fn run(global: &Global, arguments: Sql) -> Result<ExitCode, Failure> {
    let path = &arguments.package;
    let mut session = Session { path, database: package_file::open(global, path)?, changed: false };
    package_file::print_warnings(global, path, &session.database);
    match arguments.query {
        Some(query) => session.run_all(global, &query)?,
        None if io::stdin().is_terminal() => prompt::run(global, &mut session)?,
        None => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::message(format!("standard input: {error}")))?;
            session.run_all(global, &text)?;
        }
    }
    if !session.changed {
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.write {
        session.database.save(path).map_err(|error| Failure::about(path, &error))?;
    } else if !global.quiet {
        eprintln!("reseat: {}: the changes are not saved; --write saves them", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// A package that statements are run on.
struct Session<'s> {
    path: &'s Path,
    database: Database,
    /// A statement that is no SELECT was run.
    changed: bool,
}

impl Session<'_> {
    /// Runs statements in order. The first that fails ends it, and then none is saved.
    fn run_all(&mut self, global: &Global, text: &str) -> Result<(), Failure> {
        let mut results = Vec::new();
        for statement in statements::split(text) {
            let rows = self.run(statement).map_err(|error| located(self.path, statement, &error))?;
            match rows {
                Some(rows) if global.json => results.push(to_json(statement, rows)),
                Some(rows) => print(rows)?,
                None => {}
            }
        }
        if global.json {
            output::write(ExitCode::SUCCESS, |out| output::write_json(&results, out))?;
        }
        Ok(())
    }

    /// Runs one statement; only a SELECT gives rows.
    fn run(&mut self, statement: &str) -> Result<Option<Rows>, SqlError> {
        let view = View::open(statement)?;
        if view.is_select() {
            return view.select(&self.database, &[]).map(Some);
        }
        view.execute(&mut self.database, &[])?;
        self.changed = true;
        Ok(None)
    }
}

/// What is wrong with a statement, with a mark under the place.
fn located(path: &Path, statement: &str, error: &SqlError) -> Failure {
    let start = error.span.start.min(statement.len());
    let before = statement.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = statement.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
    let count = |text: Option<&str>| text.unwrap_or_default().chars().count();
    let indent = count(statement.get(line_start..start));
    let line_end = line_start + line.len();
    let width = count(statement.get(start..error.span.end.min(line_end))).max(1);
    let shown: String =
        line.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let message = of_query(error, statement, "");
    let number = message.as_ref().map(NumberedMessage::number);
    Failure::message(format!(
        "{}: {}\n  {shown}\n  {}{}",
        path.display(),
        numbered(number, &in_language(message.as_ref(), error.cause.to_string())),
        " ".repeat(indent),
        "^".repeat(width)
    ))
    .with_number(number)
}

fn cell(row: &ResultRow, place: usize) -> String {
    use reseat_database::Value;
    match row.values().get(place) {
        None | Some(Value::Null) => String::new(),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Text(text)) => output::one_line(text),
        Some(Value::Stream) => format!("[{}]", output::one_line(row.stream_name(place).unwrap_or_default())),
    }
}

/// Names of the columns; with their tables where two have one name.
fn headings(columns: &[ResultColumn]) -> Vec<String> {
    let twice = |name: &str| columns.iter().filter(|column| column.name == name).count() > 1;
    let heading = |column: &ResultColumn| match twice(&column.name) {
        true => format!("{}.{}", column.table, column.name),
        false => column.name.clone(),
    };
    columns.iter().map(heading).collect()
}

/// Rows fitted to a terminal, or as lines with tabs.
fn print(rows: Rows) -> Result<(), Failure> {
    let headings: Vec<String> =
        headings(rows.columns()).iter().map(|heading| output::one_line(heading)).collect();
    let width = headings.len();
    let lines = rows.map(|row| (0..width).map(|place| cell(&row, place)).collect::<Vec<_>>());
    output::write(ExitCode::SUCCESS, |out| {
        if io::stdout().is_terminal() {
            return out.write_all(output::fitted_as_is(&headings, lines).as_bytes());
        }
        writeln!(out, "{}", headings.join("\t"))?;
        for line in lines {
            writeln!(out, "{}", line.join("\t"))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn to_json(statement: &str, rows: Rows) -> serde_json::Value {
    let headings = headings(rows.columns());
    let columns: Vec<_> = rows
        .columns()
        .iter()
        .map(|column| {
            json!({ "table": column.table, "name": column.name, "type": package_file::column_type(column.kind) })
        })
        .collect();
    let row = |row: ResultRow| {
        let pairs = headings.iter().zip(row.values()).enumerate().map(|(place, (heading, value))| {
            let stream = || row.stream_name(place).unwrap_or_default().to_owned();
            (heading.clone(), package_file::json_value(stream, value))
        });
        pairs.collect::<Map<_, _>>()
    };
    let rows: Vec<_> = rows.map(row).collect();
    json!({ "query": statement, "columns": columns, "rows": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_marked_in_its_line() {
        let statement = "SELECT Ä\n  FROM Nowhere\n  WHERE 1";
        let error = Database::create().query(statement, &[]).err().unwrap();
        let failure = format!("{:?}", located(Path::new("a.msi"), statement, &error));
        assert!(failure.contains("expected"), "{failure}");
        let statement = "SELECT *\n  FROM Nowhere";
        let error = Database::create().query(statement, &[]).err().unwrap();
        let failure = format!("{:?}", located(Path::new("a.msi"), statement, &error));
        assert!(failure.contains("\\n    FROM Nowhere\\n         ^^^^^^^"), "{failure}");
    }
}
