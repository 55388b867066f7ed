//! What a prefix looks like, for comparing it with what it looked like before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A file, folder, link or something else.
#[derive(Clone, PartialEq, Eq)]
pub enum Entry {
    Folder { mode: u32 },
    File { mode: u32, content: Vec<u8> },
    Link { target: String },
    Other { mode: u32 },
}

/// All entries of a tree by their paths.
pub type Tree = BTreeMap<String, Entry>;

/// Reads a tree, but for the file that locks a prefix; an absent one is empty.
pub fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name =
                path.strip_prefix(root).expect("a path beneath the root").to_string_lossy().into_owned();
            if name == ".reseat.lock" {
                continue;
            }
            let metadata = fs::symlink_metadata(&path).expect("an entry's metadata");
            let mode = metadata.permissions().mode() & 0o7777;
            let entry = if metadata.is_symlink() {
                Entry::Link { target: fs::read_link(&path).expect("a link").to_string_lossy().into_owned() }
            } else if metadata.is_dir() {
                folders.push(path);
                Entry::Folder { mode }
            } else if !metadata.is_file() {
                // Reading a FIFO would wait for somebody to write to it.
                Entry::Other { mode }
            } else {
                Entry::File { mode, content: fs::read(&path).expect("a file") }
            };
            tree.insert(name, entry);
        }
    }
    tree
}

/// What differs between two trees, as lines; empty when nothing does.
pub fn differences(before: &Tree, after: &Tree) -> Vec<String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let difference = |name: &&String| match (before.get(*name), after.get(*name)) {
        (None, Some(_)) => Some(format!("+ {name}")),
        (Some(_), None) => Some(format!("- {name}")),
        (one, other) if one != other => Some(format!("~ {name}")),
        _ => None,
    };
    names.iter().filter_map(difference).collect()
}

/// Fails unless two trees are the same, byte for byte.
#[track_caller]
pub fn assert_same(before: &Tree, after: &Tree) {
    let differences = differences(before, after);
    assert!(differences.is_empty(), "not as before:\n{}", differences.join("\n"));
}

/// The keys and values of a registry file, without the times at which keys were changed: one line each, with its key.
pub fn registry(prefix: &Path, file: &str) -> BTreeSet<String> {
    registry_of(&fs::read_to_string(prefix.join(file)).unwrap_or_else(|error| panic!("{file}: {error}")))
}

/// The same of its text.
pub fn registry_of(text: &str) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mut key = String::new();
    let mut value = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            key = line.rsplit_once(']').expect("a key").0.to_owned() + "]";
            lines.insert(key.clone());
        } else if !line.is_empty() && !line.starts_with("#time=") {
            value.push_str(line.trim());
            // A long value goes on in the next line.
            if !value.ends_with('\\') || value.ends_with("\\\\") {
                lines.insert(format!("{key} {value}"));
                value.clear();
            }
        }
    }
    lines
}

/// What differs between two sets of lines.
pub fn line_differences(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let gone = before.difference(after).map(|line| format!("- {line}"));
    gone.chain(after.difference(before).map(|line| format!("+ {line}"))).collect()
}
