//! Queries typed on a terminal, with history and completion of names.

use reseat_database::Database;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::{Session, located, print, statements, to_json};
use crate::arguments::Global;
use crate::failure::Failure;
use crate::output;

const KEYWORDS: [&str; 30] = [
    "SELECT",
    "DISTINCT",
    "FROM",
    "WHERE",
    "ORDER BY",
    "AND",
    "OR",
    "IS NULL",
    "IS NOT NULL",
    "INSERT INTO",
    "VALUES",
    "TEMPORARY",
    "UPDATE",
    "SET",
    "DELETE FROM",
    "CREATE TABLE",
    "PRIMARY KEY",
    "NOT NULL",
    "LOCALIZABLE",
    "DROP TABLE",
    "ALTER TABLE",
    "ADD",
    "HOLD",
    "FREE",
    "CHAR",
    "LONGCHAR",
    "SHORT",
    "LONG",
    "OBJECT",
    "quit",
];

/// Reads statements until the end of input.
pub fn run(global: &Global, session: &mut Session<'_>) -> Result<(), Failure> {
    let failed = |error: ReadlineError| Failure::message(format!("the terminal: {error}"));
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let mut editor: Editor<Names, MemHistory> =
        Editor::with_history(config.clone(), MemHistory::with_config(&config)).map_err(failed)?;
    if !global.quiet {
        eprintln!("{}: type a statement; tab completes names; quit or Ctrl-D ends", session.path.display());
    }
    loop {
        editor.set_helper(Some(Names::of(&session.database)));
        let line = match editor.readline("sql> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        if matches!(line.trim().trim_end_matches(';'), "quit" | "exit") {
            return Ok(());
        }
        for statement in statements::split(&line) {
            match session.run(statement) {
                Ok(Some(rows)) if global.json => output::json(&to_json(statement, rows)),
                Ok(Some(rows)) => print(rows)?,
                Ok(None) => {}
                Err(error) => _ = located(session.path, statement, &error).print(global),
            }
        }
    }
}

/// The names that can be completed.
struct Names {
    tables: Vec<(String, Vec<String>)>,
}

impl Names {
    fn of(database: &Database) -> Self {
        let names = database.table_names().unwrap_or_default();
        let columns = |name: &str| database.columns(name).unwrap_or_default();
        let tables = names.into_iter().map(|name| {
            let columns = columns(&name).into_iter().map(|column| column.name).collect();
            (name, columns)
        });
        Self { tables: tables.collect() }
    }

    /// Where the word before the cursor begins, and what it can become.
    fn candidates(&self, before: &str) -> (usize, Vec<String>) {
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let start = before.trim_end_matches(is_part).len();
        let word = before.get(start..).unwrap_or_default().to_lowercase();
        let matching = |name: &&str| name.to_lowercase().starts_with(&word);
        let lead = before.get(..start).unwrap_or_default();
        // After a full stop: the columns of the table before it.
        let table =
            lead.strip_suffix('.').or_else(|| lead.strip_suffix(".`")).map(|lead| lead.trim_end_matches('`'));
        if let Some(table) =
            table.map(|lead| lead.get(lead.trim_end_matches(is_part).len()..).unwrap_or_default())
        {
            let columns = self.tables.iter().find(|(name, _)| name == table).map(|(_, columns)| columns);
            let columns = columns.into_iter().flatten().map(String::as_str).filter(matching);
            return (start, columns.map(str::to_owned).collect());
        }
        // Columns of the tables that the line names come first, as far as there are any.
        let named = |name: &str| before.split(|character| !is_part(character)).any(|word| word == name);
        let tables = self.tables.iter().map(|(name, _)| name.as_str());
        let of_named = self.tables.iter().filter(|(name, _)| named(name)).flat_map(|(_, columns)| columns);
        let keywords = KEYWORDS.iter().copied().filter(|_| !lead.ends_with('`') && !word.is_empty());
        let mut names: Vec<String> = of_named
            .map(String::as_str)
            .chain(tables)
            .chain(keywords)
            .filter(matching)
            .map(str::to_owned)
            .collect();
        if names.is_empty() && !word.is_empty() {
            let all = self.tables.iter().flat_map(|(_, columns)| columns).map(String::as_str);
            names = all.filter(matching).map(str::to_owned).collect();
        }
        names.sort();
        names.dedup();
        (start, names)
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(line.get(..position).unwrap_or_default()))
    }
}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_columns_and_keywords_are_completed() {
        let table = |name: &str, columns: &[&str]| {
            (name.to_owned(), columns.iter().map(|column| (*column).to_owned()).collect())
        };
        let names =
            Names { tables: vec![table("File", &["File", "FileName"]), table("Feature", &["Title"])] };
        for (before, start, expected) in [
            ("SELECT * FROM Fe", 14, &["Feature"][..]),
            ("SELECT * FROM `fi", 15, &["File"]),
            ("SELECT File.F", 12, &["File", "FileName"]),
            ("SELECT `File`.`FileN", 15, &["FileName"]),
            ("UPDATE Feature SET ti", 19, &["Title"]),
            ("SELECT Tit", 7, &["Title"]),
            ("sel", 0, &["SELECT"]),
        ] {
            assert_eq!(
                names.candidates(before),
                (start, expected.iter().map(|name| (*name).to_owned()).collect())
            );
        }
    }
}
