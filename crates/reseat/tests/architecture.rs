//! The arrows between the crates: each depends only on those above it, and only the command line prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates from the bottom up, as ARCHITECTURE.md has them.
const ORDER: &[&str] = &[
    "cabinet",
    "database",
    "signature",
    "restart-manager",
    "api",
    "machine",
    "package",
    "script",
    "engine",
    "custom-actions",
    "reseat",
];

/// Crates beside each other, neither of which knows the other although the order would allow it.
const APART: &[(&str, &str)] = &[
    ("database", "cabinet"),
    ("signature", "cabinet"),
    ("restart-manager", "cabinet"),
    ("restart-manager", "database"),
    ("restart-manager", "signature"),
    ("api", "cabinet"),
    ("api", "database"),
    ("machine", "api"),
    ("machine", "restart-manager"),
    ("package", "machine"),
    ("package", "restart-manager"),
    ("script", "package"),
    ("script", "restart-manager"),
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The crates of ours that a crate needs to be built, by folder.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
    let mut section = "";
    let mut found = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies") && !section.contains("dev-dependencies") {
            let key = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.extend(key.strip_prefix("reseat-").map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_crate_has_its_place_in_the_order() {
    let folders = fs::read_dir(crates()).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.filter(|path| path.join("Cargo.toml").is_file());
    let found: BTreeSet<String> =
        folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let ordered: BTreeSet<String> = ORDER.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(found, ordered);
}

#[test]
fn crates_depend_only_on_those_above_them() {
    for (place, name) in ORDER.iter().enumerate() {
        for dependency in dependencies(name) {
            assert!(ORDER[..place].contains(&dependency.as_str()), "{name} depends on {dependency}");
            assert!(!APART.contains(&(name, dependency.as_str())), "{name} knows {dependency}");
        }
    }
}

#[test]
fn libraries_do_not_print_and_do_not_end_the_process() {
    const FORBIDDEN: &[&str] =
        &["println!", "print!(", "dbg!(", "stdout()", "stderr()", "process::exit", "process::abort"];
    let mut found = Vec::new();
    for name in ORDER.iter().filter(|name| **name != "reseat") {
        let mut folders = vec![crates().join(name).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if is_test(&path) {
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                // What follows is tests, which may say what they skip.
                let code = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
                for (number, line) in
                    code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
                {
                    if FORBIDDEN.iter().any(|word| line.contains(word)) {
                        found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Whether a source file is only compiled for tests.
fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    name.split('_').any(|word| word == "tests" || word == "test")
}

#[test]
fn no_source_file_has_grown_beyond_a_thousand_lines() {
    for name in ORDER {
        let mut folders = vec![crates().join(name)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let lines = fs::read_to_string(&path).unwrap().lines().count();
                    assert!(lines <= 1000, "{} has {lines} lines", path.display());
                }
            }
        }
    }
}
