//! How every command fails: one line on standard error, or one JSON document of the same form on standard output.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::Place;

/// Commands with arguments that they cannot succeed with. `FILE` is a missing file, a folder, an empty file, and a text.
const FAILING: &[&str] = &[
    "install FILE",
    "uninstall FILE",
    "plan FILE",
    "repair FILE",
    "patch FILE",
    "advertise FILE",
    "admin FILE image",
    "msiexec /i FILE",
    "msiexec /x FILE",
    "msiexec /fomus FILE",
    "msiexec /a FILE",
    "msiexec /jm FILE",
    "msiexec /p FILE",
    "list --prefix other",
    "show FILE",
    "why FILE --prefix other",
    "check FILE",
    "reboot-pending --prefix other",
    "recover --prefix other",
    "who Q:\\FILE",
    "free Q:\\FILE -- true",
    "rm start --owner 4194303",
    "rm join FILE",
    "rm register FILE FILE",
    "rm list FILE",
    "rm shutdown FILE",
    "rm restart FILE",
    "rm filter FILE add --no-restart --file FILE",
    "rm filter FILE remove --file FILE",
    "rm filter FILE list",
    "rm end FILE",
    "rm register-restart --pid 4194303 -- x",
    "rm keep-registrations --prefix other",
    "path Q:\\FILE",
    "info FILE",
    "tables FILE",
    "dump FILE",
    "sql FILE SELECT",
    "streams FILE",
    "extract FILE out",
    "signature FILE",
    "validate FILE",
    "diff FILE FILE",
    "merge FILE FILE",
    "export FILE out",
    "import FILE out.msi",
    "cab list FILE",
    "cab extract FILE out",
    "cab create no/folder/test.cab FILE",
    "transform make FILE FILE out.mst",
    "transform apply FILE FILE -o out.msi",
    "transform show FILE",
    "manual FILE/folder",
];

/// Commands that have nothing to fail with, or whose failure is clap's.
const NEVER: &[&str] =
    &["stale", "completions", "help", "rm unregister-restart", "rm remember", "rm recover"];

/// Commands that have commands of their own.
const GROUPS: &[&str] = &["rm", "cab", "transform"];

/// The commands that the help lists below one.
fn commands(place: &Place, above: &str) -> Vec<String> {
    let words: Vec<_> = above.split(' ').filter(|word| !word.is_empty()).chain(["--help"]).collect();
    let help = place.reseat(&words).expect_code(0).out.clone();
    let list =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    let mut all = Vec::new();
    for name in names.map(|name| format!("{above} {name}").trim().to_owned()) {
        let below = if GROUPS.contains(&name.as_str()) { commands(place, &name) } else { vec![name] };
        all.extend(below);
    }
    all
}

#[test]
fn the_table_has_every_command() {
    let place = Place::new();
    let known: BTreeSet<String> = FAILING
        .iter()
        .chain(NEVER)
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let count = if GROUPS.contains(&words[0]) { 2 } else { 1 };
            words[..count].join(" ")
        })
        .collect();
    let all = commands(&place, "");
    assert!(all.len() > 40, "{all:?}");
    let missing: Vec<_> = all.iter().filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What is wrong with the way in which a command fails.
fn problem(place: &Place, line: &str) -> Option<String> {
    let words: Vec<_> = line.split(' ').collect();
    let (program, command): (Vec<_>, Vec<_>) = match words.iter().position(|word| *word == "--") {
        Some(at) => (words[at..].to_vec(), words[..at].to_vec()),
        None => (Vec::new(), words),
    };
    let plain = place.reseat(&[&command[..], &program].concat());
    let shown = format!("{line}: {}\n{}{}", plain.status, plain.out, plain.err);
    if plain.status.success() || plain.status.code().is_none() {
        return Some(format!("does not fail: {shown}"));
    }
    let messages: Vec<_> = plain.err.lines().filter(|line| !line.starts_with("  hint: ")).collect();
    if !plain.out.is_empty()
        || messages.is_empty()
        || !messages.iter().all(|line| line.starts_with("reseat: "))
    {
        return Some(format!("not on standard error: {shown}"));
    }
    // What follows msiexec is all Microsoft's.
    let (before, behind) =
        if command[0] == "msiexec" { (&["--json"][..], &[][..]) } else { (&[][..], &["--json"][..]) };
    let json = place.reseat(&[before, &command, behind, &program].concat());
    let shown = format!("{line} --json: {}\n{}{}", json.status, json.out, json.err);
    if json.status.code() != plain.status.code() {
        return Some(format!("another exit code, not {}: {shown}", plain.status));
    }
    let value: Value = match serde_json::from_str(&json.out) {
        Ok(value) => value,
        Err(error) => return Some(format!("{error}: {shown}")),
    };
    let names: Vec<_> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let is_failure = names == ["error", "hint", "message", "number"]
        && value["message"].as_str().is_some_and(|message| plain.err.contains(message));
    (!is_failure || !json.err.is_empty()).then(|| format!("of another form: {shown}"))
}

#[test]
fn every_command_fails_in_the_same_form() {
    let place = Place::with_prefix();
    for folder in ["folder", "other/letters"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
    }
    place.write("empty", "");
    place.write("text", "This is no package, no cabinet, and no patch. ".repeat(30));
    let mut problems = Vec::new();
    for line in FAILING {
        let files = ["absent", "folder", "empty", "text"].iter();
        for file in files.take(if line.contains("FILE") { 4 } else { 1 }) {
            problems.extend(problem(&place, &line.replace("FILE", file)));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
