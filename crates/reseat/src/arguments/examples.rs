//! Tests: what the help and the documents show are command lines that there are.

use std::fs;
use std::path::Path;

use clap::{CommandFactory, Parser};

use super::{Arguments, Command};
use crate::msiexec_line::CommandLine;

/// The lines of examples in the help of a command and of those below it.
fn examples(command: &clap::Command, lines: &mut Vec<String>) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    lines.extend(help.lines().filter_map(|line| line.strip_prefix("  reseat ")).map(str::to_owned));
    command.get_subcommands().for_each(|command| examples(command, lines));
}

/// The words of a line as a shell takes them, up to what stands behind two blanks or a pipe.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ' ') if word.is_empty() => break,
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (None, '|' | '&' | ';' | '<' | '>') => break,
            (_, other) => word.push(other),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// Why what follows `reseat` in a line is no command line.
fn mistake(line: &str) -> Option<String> {
    let filled = line.replace("$key", "0123456789abcdef0123456789abcdef").replace("$$", "1234");
    let filled = filled.replace("--pid PID", "--pid 1234").replace("--timeout SECONDS", "--timeout 5");
    let words = words(&filled);
    match Arguments::try_parse_from(["reseat"].into_iter().chain(words.iter().map(String::as_str))) {
        Err(error) => Some(format!("reseat {line}: {error}")),
        Ok(Arguments { command: Command::Msiexec(arguments), .. }) => {
            CommandLine::parse(&arguments.arguments).err().map(|error| format!("reseat {line}: {error}"))
        }
        Ok(_) => None,
    }
}

/// What of a synopsis, such as `rm filter KEY add|remove … [--pid PID]`, there is not: its commands and its options.
fn unknown_words(synopsis: &str) -> Option<String> {
    let synopsis = synopsis.split(" -- ").next().unwrap_or_default();
    let synopsis = synopsis.split("  ").next().unwrap_or_default();
    let root = Arguments::command();
    let mut way = vec![&root];
    let mut known: Vec<String> = Vec::new();
    let words: Vec<_> = synopsis.split(' ').collect();
    // The value of an option of all commands may stand before the command.
    let values = words.windows(2).map(|pair| pair[0].starts_with("--"));
    for (word, is_value) in words.iter().zip([false].into_iter().chain(values)) {
        let command = way[way.len() - 1];
        let found: Vec<_> = word
            .split('|')
            .filter_map(|name| command.find_subcommand(name.trim_matches(['[', ']'])))
            .collect();
        let all = found.len() == word.split('|').count();
        let needs_one = command.has_subcommands() && command.get_positionals().next().is_none();
        if needs_one && !all && !is_value && !word.starts_with(['-', '[', '…']) {
            return Some(format!("reseat {synopsis}: there is no command '{word}'"));
        }
        way.extend(found.into_iter().filter(|_| all));
    }
    let below = way[1..].iter().flat_map(|command| command.get_subcommands());
    for command in way.iter().copied().chain(below) {
        known.extend(command.get_arguments().filter_map(clap::Arg::get_long).map(|name| format!("--{name}")));
    }
    let options = synopsis.split([' ', '|', '[', ']', '=', ',', ')']).filter(|word| word.starts_with("--"));
    let unknown = options.filter(|word| !known.iter().any(|name| name == word)).collect::<Vec<_>>();
    (!unknown.is_empty()).then(|| format!("reseat {synopsis}: there is no {}", unknown.join(", ")))
}

/// What follows `reseat` in a line of a document's code, for each time that the program is called.
fn calls(line: &str) -> Vec<&str> {
    let starts = line.match_indices("reseat ").filter(|(at, _)| {
        let before = &line[..*at];
        before.is_empty() || ["/", "$(", "; ", "&& ", "|| "].iter().any(|end| before.ends_with(end))
    });
    starts
        .map(|(at, name)| {
            let call = &line[at + name.len()..];
            match line[..at].ends_with("$(") {
                true => call.split(')').next().unwrap_or_default(),
                false => call,
            }
        })
        .collect()
}

/// README.md and the documents: their names and texts.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let files = docs.chain([root.join("README.md"), root.join("CONTRIBUTING.md")]);
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    texts.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn every_command_that_a_document_shows_is_a_command_line() {
    let (mut lines, mut wrong) = (0, Vec::new());
    for (name, text) in documents() {
        let mut fenced = false;
        for line in text.lines() {
            fenced ^= line.starts_with("```");
            let Some(code) = line.strip_prefix("    ").or(Some(line).filter(|_| fenced)) else { continue };
            for call in calls(code.trim_start()) {
                lines += 1;
                let shown = call.split("  ").next().unwrap_or_default();
                let is_synopsis = shown.contains(['[', '…']) || shown.replace(" | ", "").contains('|');
                let mistake = if is_synopsis { unknown_words(call) } else { mistake(call) };
                wrong.extend(mistake.map(|mistake| format!("{name}: {mistake}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines > 60, "{lines}");
}

#[test]
fn every_option_that_a_document_names_with_its_command_is_there() {
    let (mut spans, mut wrong) = (0, Vec::new());
    for (name, text) in documents() {
        for line in text.lines().filter(|line| !line.starts_with("    ")) {
            // Every other piece stands between backticks.
            for call in line.split('`').skip(1).step_by(2).flat_map(calls) {
                spans += 1;
                wrong.extend(unknown_words(call).map(|unknown| format!("{name}: {unknown}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(spans > 30, "{spans}");
}

#[test]
fn what_there_is_not_is_found_in_a_line() {
    for wrong in ["install", "frobnicate app.msi", "install app.msi --frobnicate", "msiexec /frobnicate"] {
        assert!(mistake(wrong).is_some(), "{wrong}");
    }
    for wrong in [
        "frobnicate [FILE]",
        "rm filter KEY add|frobnicate --frob",
        "stale [--frobnicate]",
        "rm frobnicate …",
    ] {
        assert!(unknown_words(wrong).is_some(), "{wrong}");
    }
    assert_eq!(calls("key=$(reseat rm start)          a session; reseat list"), ["rm start", "list"]);
}

#[test]
fn every_example_of_the_help_is_a_command_line() {
    let mut lines = Vec::new();
    examples(&Arguments::command(), &mut lines);
    assert!(lines.len() > 70, "{}", lines.len());
    let wrong: Vec<_> = lines.iter().filter_map(|line| mistake(line)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_that_does_something_has_examples() {
    fn check(command: &clap::Command, above: &str, without: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let is_shown_above = above.lines().any(|line| line.split(' ').any(|word| word == command.get_name()));
        if command.has_subcommands() {
            return command.get_subcommands().for_each(|command| check(command, &help, without));
        }
        if !help.starts_with("Examples:\n") && !is_shown_above {
            without.push(command.get_name().to_owned());
        }
    }
    let mut without = Vec::new();
    check(&Arguments::command(), "", &mut without);
    assert_eq!(without, [""; 0]);
}
