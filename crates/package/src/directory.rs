//! The Directory table and the paths that it stands for (pages `directory-table.md`, `using-the-directory-table.md`).
//!
//! Paths are texts as Windows Installer shows them, with a backslash at the end. Whether a path may be used is for
//! the machine to say; the names that come from the package were checked when the table was read.

use std::collections::{BTreeMap, HashMap};

use reseat_database::Table;

use crate::file_name::{DefaultDir, FolderName, NameForm};
use crate::row::{RowError, TableRow, Text, table_row};

table_row! {
    /// A folder at the target and at the source.
    Directory = "Directory" {
        /// Its key; a property of this name holds its path.
        directory: Text = "Directory",
        /// The folder above it; a root has none, or itself.
        parent: Option<Text> = "Directory_Parent",
        /// Its names.
        default_dir: DefaultDir = "DefaultDir",
    }
}

impl Directory {
    /// Whether it is a root.
    pub fn is_root(&self) -> bool {
        self.parent.as_ref().is_none_or(|parent| *parent == self.directory)
    }
}

/// So many folders may be above one. A path of 260 characters, the usual limit on Windows, has room for 130.
const DEEPEST: usize = 256;

/// A Directory table that is no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// A row cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A folder's parent is not in the table.
    #[error("table Directory, row '{directory}': column Directory_Parent names '{parent}', which is no row")]
    NoParent {
        /// The folder.
        directory: Text,
        /// The parent.
        parent: Text,
    },
    /// A folder is above itself.
    #[error("table Directory, row '{directory}': the folder is above itself")]
    Cycle {
        /// A folder of the cycle.
        directory: Text,
    },
    /// A folder is deeper than any path can be.
    #[error("table Directory, row '{directory}': the folder is deeper than {most} levels")]
    TooDeep {
        /// The folder.
        directory: Text,
        /// The most levels.
        most: usize,
    },
}

/// The folders of a package.
#[derive(Debug, Clone, Default)]
pub struct DirectoryTree {
    /// Each parent before its children.
    folders: Vec<Directory>,
    positions: HashMap<Text, usize>,
    /// The position of each folder's parent; nothing for roots.
    parents: Vec<Option<usize>>,
}

impl DirectoryTree {
    /// Reads the table.
    ///
    /// # Errors
    /// When a row cannot be read, names a parent that is not there, is above itself or too deep.
    pub fn load(table: &Table) -> Result<Self, DirectoryError> {
        let rows = table.rows().map(|row| Directory::read(&row)).collect::<Result<Vec<_>, _>>()?;
        Self::new(rows)
    }

    /// Puts rows in order.
    ///
    /// # Errors
    /// As [`DirectoryTree::load`].
    pub fn new(rows: Vec<Directory>) -> Result<Self, DirectoryError> {
        let count = rows.len();
        let keys: HashMap<Text, usize> =
            rows.iter().enumerate().map(|(position, row)| (row.directory.clone(), position)).collect();
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut ready = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            if row.is_root() {
                ready.push(position);
                continue;
            }
            let Some(parent) = &row.parent else { continue };
            let above = keys.get(parent).and_then(|above| children.get_mut(*above)).ok_or_else(|| {
                DirectoryError::NoParent { directory: row.directory.clone(), parent: parent.clone() }
            })?;
            above.push(position);
        }
        let mut rows: Vec<Option<Directory>> = rows.into_iter().map(Some).collect();
        let mut tree = Self::default();
        let mut depths: Vec<usize> = Vec::new();
        while let Some(position) = ready.pop() {
            let Some(row) = rows.get_mut(position).and_then(Option::take) else { continue };
            let parent = row.parent.as_ref().and_then(|parent| tree.positions.get(parent).copied());
            let depth = parent.and_then(|parent| depths.get(parent)).map_or(0, |depth| depth + 1);
            if depth > DEEPEST {
                return Err(DirectoryError::TooDeep { directory: row.directory, most: DEEPEST });
            }
            depths.push(depth);
            tree.parents.push(parent);
            tree.positions.insert(row.directory.clone(), tree.folders.len());
            tree.folders.push(row);
            ready.extend(children.get(position).into_iter().flatten());
        }
        match rows.into_iter().flatten().next() {
            Some(row) => Err(DirectoryError::Cycle { directory: row.directory }),
            None => Ok(tree),
        }
    }

    /// The folders, each parent before its children.
    pub fn folders(&self) -> &[Directory] {
        &self.folders
    }

    /// The folder with this key.
    pub fn get(&self, directory: &str) -> Option<&Directory> {
        self.positions.get(directory).and_then(|position| self.folders.get(*position))
    }

    /// The key of the root, usually `TARGETDIR`.
    pub fn root(&self) -> Option<&Text> {
        self.folders.iter().find(|folder| folder.is_root()).map(|folder| &folder.directory)
    }

    /// The keys of all folders beneath one, at any depth.
    pub fn beneath<'t>(&'t self, directory: &str) -> Vec<&'t Text> {
        let Some(top) = self.positions.get(directory).copied() else { return Vec::new() };
        let mut inside = vec![false; self.folders.len()];
        let mut found = Vec::new();
        for (position, (folder, parent)) in self.folders.iter().zip(&self.parents).enumerate().skip(top + 1) {
            if parent.is_some_and(|parent| parent == top || inside.get(parent) == Some(&true)) {
                if let Some(inside) = inside.get_mut(position) {
                    *inside = true;
                }
                found.push(&folder.directory);
            }
        }
        found
    }

    /// The target path of each folder. A folder whose property has a value is there; another one is beneath its parent;
    /// the root without a value is at ROOTDRIVE. Folders that nothing leads to are left out.
    pub fn resolve_targets(
        &self,
        property: &dyn Fn(&str) -> Option<String>,
        form: NameForm,
    ) -> BTreeMap<String, String> {
        let root_drive =
            || property("ROOTDRIVE").filter(|path| !path.is_empty()).map(|path| with_backslash(&path));
        let mut paths: Vec<Option<String>> = Vec::with_capacity(self.folders.len());
        for (folder, parent) in self.folders.iter().zip(&self.parents) {
            let set =
                property(&folder.directory).filter(|path| !path.is_empty()).map(|path| with_backslash(&path));
            let path = set.or_else(|| match parent {
                Some(parent) => {
                    let above = paths.get(*parent)?.as_deref()?;
                    Some(beneath(above, &folder.default_dir.target, form))
                }
                None => root_drive(),
            });
            paths.push(path);
        }
        self.folders
            .iter()
            .zip(paths)
            .filter_map(|(folder, path)| Some((folder.directory.to_string(), path?)))
            .collect()
    }

    /// The names that lead to a folder at the target, the highest first: from the nearest folder that `is_known`, which may
    /// be the folder itself, or else from the root. Nothing when there is no such folder, or more than 256 above it.
    pub fn target_names<'t>(
        &'t self,
        directory: &str,
        form: NameForm,
        is_known: impl Fn(&str) -> bool,
    ) -> Option<(Option<&'t Text>, Vec<&'t str>)> {
        let mut names = Vec::new();
        let mut position = self.positions.get(directory).copied()?;
        for _ in 0..DEEPEST {
            let folder = self.folders.get(position)?;
            let known = is_known(&folder.directory).then_some(&folder.directory);
            let above = self.parents.get(position).copied().flatten();
            match above {
                Some(above) if known.is_none() => {
                    names.extend(folder.default_dir.target.name(form));
                    position = above;
                }
                _ => {
                    names.reverse();
                    return Some((known, names));
                }
            }
        }
        None
    }

    /// The path of a folder at an uncompressed source, beneath the root of the source: empty for the root itself, else
    /// ending in a backslash.
    pub fn source_path(&self, directory: &str, form: NameForm) -> Option<String> {
        self.names_up(directory, |folder| folder.default_dir.source.name(form))
    }

    fn names_up<'t>(
        &'t self,
        directory: &str,
        name: impl Fn(&'t Directory) -> Option<&'t str>,
    ) -> Option<String> {
        let mut names = Vec::new();
        let mut position = self.positions.get(directory).copied()?;
        // Parents come before their children, so that this ends.
        while let Some(parent) = self.parents.get(position).copied().flatten() {
            names.extend(self.folders.get(position).and_then(&name));
            position = parent;
        }
        Some(names.iter().rev().fold(String::new(), |path, name| path + name + "\\"))
    }
}

fn beneath(above: &str, name: &FolderName, form: NameForm) -> String {
    match name.name(form) {
        None => above.to_owned(),
        Some(name) => format!("{above}{name}\\"),
    }
}

/// A path as the installer keeps it: with backslashes, and one at the end.
pub fn with_backslash(path: &str) -> String {
    let mut path = path.replace('/', "\\");
    if !path.is_empty() && !path.ends_with('\\') {
        path.push('\\');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(rows: &[(&str, &str, &str)]) -> Result<DirectoryTree, DirectoryError> {
        DirectoryTree::new(
            rows.iter()
                .map(|(directory, parent, name)| Directory {
                    directory: (*directory).into(),
                    parent: (!parent.is_empty()).then(|| (*parent).into()),
                    default_dir: DefaultDir::parse(name).unwrap(),
                })
                .collect(),
        )
    }

    fn documented() -> DirectoryTree {
        tree(&[
            ("BinAlphaDir", "BinDir", ".:Alpha"),
            ("Binx86Dir", "BinDir", ".:x86"),
            ("BinDir", "MyAppDir", "Bin"),
            ("MyAppDir", "TARGETDIR", "MYAPP~1|My App"),
            ("DesktopFolder", "TARGETDIR", "Desktop"),
            ("TARGETDIR", "", "SourceDir"),
        ])
        .unwrap()
    }

    #[test]
    fn resolves_targets_from_properties_and_parents() {
        let property = |name: &str| match name {
            "TARGETDIR" => Some("C:\\Program Files\\Target".to_owned()),
            "DesktopFolder" => Some("C:\\users\\me\\Desktop\\".to_owned()),
            _ => None,
        };
        let paths = documented().resolve_targets(&property, NameForm::Long);
        assert_eq!(paths["MyAppDir"], "C:\\Program Files\\Target\\My App\\");
        assert_eq!(paths["Binx86Dir"], "C:\\Program Files\\Target\\My App\\Bin\\");
        assert_eq!(paths["DesktopFolder"], "C:\\users\\me\\Desktop\\");
        let short = documented().resolve_targets(&property, NameForm::Short);
        assert_eq!(short["BinDir"], "C:\\Program Files\\Target\\MYAPP~1\\Bin\\");
        let moved = |name: &str| if name == "MyAppDir" { Some("D:/x".to_owned()) } else { property(name) };
        assert_eq!(documented().resolve_targets(&moved, NameForm::Long)["BinAlphaDir"], "D:\\x\\Bin\\");
        let drive = |name: &str| (name == "ROOTDRIVE").then(|| "C:\\".to_owned());
        assert_eq!(documented().resolve_targets(&drive, NameForm::Long)["BinDir"], "C:\\My App\\Bin\\");
        assert!(documented().resolve_targets(&|_| None, NameForm::Long).is_empty());
    }

    #[test]
    fn builds_source_paths_from_names_alone() {
        let tree = documented();
        assert_eq!(tree.source_path("Binx86Dir", NameForm::Long).unwrap(), "My App\\Bin\\x86\\");
        assert_eq!(tree.source_path("Binx86Dir", NameForm::Short).unwrap(), "MYAPP~1\\Bin\\x86\\");
        assert_eq!(tree.source_path("DesktopFolder", NameForm::Long).unwrap(), "Desktop\\");
        assert_eq!(tree.source_path("TARGETDIR", NameForm::Long).unwrap(), "");
        assert_eq!(tree.source_path("None", NameForm::Long), None);
    }

    #[test]
    fn lists_what_is_beneath_a_folder() {
        let tree = documented();
        let mut beneath = tree.beneath("MyAppDir");
        beneath.sort();
        assert_eq!(
            beneath.iter().map(|name| &***name).collect::<Vec<_>>(),
            ["BinAlphaDir", "BinDir", "Binx86Dir"]
        );
        assert!(tree.beneath("Binx86Dir").is_empty());
        assert_eq!(tree.root().map(|root| &**root), Some("TARGETDIR"));
    }

    #[test]
    fn refuses_what_is_no_tree() {
        assert!(matches!(tree(&[("A", "B", "a"), ("B", "A", "b")]), Err(DirectoryError::Cycle { .. })));
        assert!(matches!(tree(&[("A", "B", "a")]), Err(DirectoryError::NoParent { .. })));
        assert_eq!(tree(&[("T", "T", "SourceDir")]).unwrap().source_path("T", NameForm::Long).unwrap(), "");
    }

    #[test]
    fn a_hundred_thousand_levels_are_refused_without_using_the_stack() {
        let rows: Vec<(String, String)> =
            (0..100_000).map(|level| (format!("D{}", level + 1), format!("D{level}"))).collect();
        let mut all = vec![("D0", "", "SourceDir")];
        all.extend(rows.iter().map(|(child, parent)| (child.as_str(), parent.as_str(), ".")));
        assert!(matches!(tree(&all), Err(DirectoryError::TooDeep { most: 256, .. })));
        let tree = tree(all.get(..=DEEPEST).unwrap()).unwrap();
        let root = |name: &str| (name == "D0").then(|| "C:\\".to_owned());
        assert_eq!(tree.resolve_targets(&root, NameForm::Long)["D256"], "C:\\");
    }
}
