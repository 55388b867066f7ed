//! Which files of a package are unpacked, and under which paths.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use reseat_cabinet::CabinetSet;
use reseat_database::Database;
use reseat_engine::Beside;
use reseat_package::file_name::matches_wildcards;
use reseat_package::{FileName, LaidOutFile, Layout};

use super::cabinets::{self, CabinetSource, Origin};
use crate::failure::Failure;

/// What the user wants.
#[derive(Debug, Default)]
pub struct Choice {
    /// All files in one folder.
    pub flat: bool,
    /// Only those that match one of the patterns, if there are any.
    pub only: Vec<String>,
}

impl Choice {
    fn wants(&self, folder: &[String], name: &str) -> bool {
        self.only.is_empty()
            || self.only.iter().any(|pattern| match pattern.contains('/') {
                true => matches_wildcards(pattern, &joined(folder, name)),
                false => matches_wildcards(pattern, name),
            })
    }
}

/// A file and what becomes of it.
#[derive(Debug)]
pub struct PlannedFile {
    /// Its key in the File table, and its name in the cabinet.
    pub key: Arc<str>,
    /// Its component, if a File table has it.
    pub component: Option<Arc<str>>,
    /// Its version, if the File table says one.
    pub version: Option<Arc<str>>,
    /// Its size in bytes as the tables say.
    pub size: u64,
    /// The folders beneath the target.
    pub folder: Arc<[String]>,
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: FileSource,
}

impl PlannedFile {
    /// Its path beneath the target.
    pub fn path(&self) -> String {
        joined(&self.folder, &self.name)
    }
}

/// Where a file comes from.
#[derive(Debug)]
pub enum FileSource {
    /// A cabinet, by its place in [`Plan::cabinets`], and the file's place in its set; without the latter it is found by its
    /// key.
    Cabinet { cabinet: usize, index: Option<usize> },
    /// A file beside the package.
    Loose(PathBuf),
    /// Neither: no medium has it.
    Nowhere,
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Plan {
    pub files: Vec<PlannedFile>,
    pub cabinets: Vec<CabinetSource>,
    /// What the user should know, such as two files of one path.
    pub notes: Vec<String>,
    /// Files that cannot be unpacked.
    pub problems: Vec<String>,
}

impl Plan {
    /// Plans the files of the package at `path`.
    pub fn new(path: &Path, database: &Arc<Database>, choice: &Choice) -> Result<Self, Failure> {
        let mut plan = Self::default();
        let mut positions = HashMap::new();
        let mut beside = Beside::file(path);
        let problems = Layout::for_each(database, |file| {
            if !choice.wants(&file.folder, &file.name) {
                return;
            }
            let source = plan.source(&mut beside, &file, &mut positions);
            plan.files.push(PlannedFile {
                key: file.file,
                component: Some(file.component),
                version: file.version,
                size: file.size,
                folder: file.folder,
                name: file.name,
                source,
            });
        });
        let problems = problems.map_err(|error| Failure::about(path, &error))?;
        plan.problems.extend(problems.iter().map(ToString::to_string));
        if plan.files.is_empty() && database.columns("File").is_none() {
            plan.add_streams(path, database, choice)?;
        }
        if choice.flat {
            let root: Arc<[String]> = Arc::new([]);
            plan.files.iter_mut().for_each(|file| file.folder = root.clone());
        }
        plan.unite_letter_cases();
        plan.keep_both();
        Ok(plan)
    }

    /// A file that the summary promises beside the package may be in the cabinet all the same.
    fn source(
        &mut self,
        beside: &mut Beside,
        file: &LaidOutFile,
        positions: &mut HashMap<Arc<str>, usize>,
    ) -> FileSource {
        let mut loose = || {
            let folders = file.source_folder.iter().map(String::as_str);
            beside.find(folders.chain([file.source_name()]))
        };
        if !file.compressed
            && let Some(found) = loose()
        {
            return FileSource::Loose(found);
        }
        let Some(name) = &file.cabinet else {
            return match loose() {
                Some(found) => FileSource::Loose(found),
                None => FileSource::Nowhere,
            };
        };
        let position = *positions.entry(name.clone()).or_insert_with(|| {
            self.cabinets.push(CabinetSource::named(name));
            self.cabinets.len() - 1
        });
        FileSource::Cabinet { cabinet: position, index: None }
    }

    /// A patch has cabinets and no table of files: each goes to a folder of the cabinet's name.
    fn add_streams(&mut self, path: &Path, database: &Arc<Database>, choice: &Choice) -> Result<(), Failure> {
        for source in cabinets::in_streams(database).map_err(|error| Failure::about(path, &error))? {
            let position = self.cabinets.len();
            let name: String = source
                .name()
                .chars()
                .map(|character| if character == '/' { '_' } else { character })
                .collect();
            let folder: Arc<[String]> = match FileName::parse(&name) {
                Ok(_) => Arc::new([name]),
                Err(_) => Arc::new([format!("cabinet {}", position + 1)]),
            };
            let set = match source.open(&Origin::package(path, database)) {
                Ok(set) => set,
                Err(error) => {
                    self.problems.push(error.to_string());
                    continue;
                }
            };
            for file in set.files() {
                if let Err(error) = FileName::parse(&file.name) {
                    self.problems.push(format!("cabinet {}: {error}", source.name()));
                } else if choice.wants(&folder, &file.name) {
                    self.files.push(PlannedFile {
                        key: file.name.as_str().into(),
                        component: None,
                        version: None,
                        size: file.size,
                        folder: folder.clone(),
                        name: file.name.clone(),
                        source: FileSource::Cabinet { cabinet: position, index: None },
                    });
                }
            }
            self.cabinets.push(source);
        }
        Ok(())
    }

    /// Plans the files of the first cabinet's set, each under its name there. Names lead nowhere out of the target, and of
    /// two files with one name both are kept.
    pub fn add_files(&mut self, set: &CabinetSet, choice: &Choice) {
        let mut folders: HashMap<String, Arc<[String]>> = HashMap::new();
        let mut taken = HashSet::new();
        for (index, file) in set.files().iter().enumerate() {
            let path = file.name.replace('\\', "/");
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let names = folders.entry(folder.to_owned()).or_insert_with(|| {
                folder.split('/').filter(|name| !name.is_empty()).map(Into::into).collect()
            });
            if !choice.wants(names, name) {
                continue;
            }
            if !Path::new(&path).components().all(|part| matches!(part, Component::Normal(_))) {
                self.problems.push(format!("{} would lie outside of the folder", file.name));
                continue;
            }
            let mut free = name.to_owned();
            let mut number = 2;
            while !taken.insert(joined(names, &free)) {
                free = with_word(name, &number.to_string());
                number += 1;
            }
            if free != name {
                self.notes.push(format!("there is another file '{path}'; this one is kept as '{free}'"));
            }
            self.files.push(PlannedFile {
                key: file.name.as_str().into(),
                component: None,
                version: None,
                size: file.size,
                folder: names.clone(),
                name: free,
                source: FileSource::Cabinet { cabinet: 0, index: Some(index) },
            });
        }
    }

    /// Folders that differ in letter case only are one on Windows: all get the spelling of the first.
    fn unite_letter_cases(&mut self) {
        let mut spellings: HashMap<String, Arc<[String]>> = HashMap::new();
        let mut united: HashMap<Arc<[String]>, Arc<[String]>> = HashMap::new();
        for file in &mut self.files {
            let folder = united.entry(file.folder.clone()).or_insert_with(|| {
                let mut path: Vec<String> = Vec::with_capacity(file.folder.len());
                for name in file.folder.iter() {
                    path.push(name.clone());
                    let key = path.join("/").to_lowercase();
                    path = spellings.entry(key).or_insert_with(|| path.as_slice().into()).to_vec();
                }
                path.into()
            });
            file.folder = folder.clone();
        }
    }

    /// Two rows can have one target path, when their components exclude each other. Both are kept: the second one's name
    /// gets its key.
    fn keep_both(&mut self) {
        // By fingerprints: a package may have very many files. Should those of two paths be equal by chance, nothing is
        // lost, since no file is written over another.
        let mut taken: HashMap<u64, usize> = HashMap::with_capacity(self.files.len());
        let mut again = Vec::new();
        for (position, file) in self.files.iter().enumerate() {
            let path = file.path().to_lowercase();
            let mut fingerprint = DefaultHasher::new();
            path.hash(&mut fingerprint);
            let first = *taken.entry(fingerprint.finish()).or_insert(position);
            let is_same = |other: &PlannedFile| other.path().to_lowercase() == path;
            if first != position && self.files.get(first).is_some_and(is_same) {
                again.push((position, first));
            }
        }
        if again.is_empty() {
            return;
        }
        drop(taken);
        let mut taken: HashSet<String> = self.files.iter().map(|file| file.path().to_lowercase()).collect();
        for (position, first) in again {
            let Some(first) = self.files.get(first).map(|file| file.key.clone()) else { continue };
            let Some(file) = self.files.get_mut(position) else { continue };
            let path = file.path();
            let key: String =
                file.key.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
            let name = file.name.clone();
            file.name = with_word(&name, &key);
            let mut number = 2;
            while !taken.insert(file.path().to_lowercase()) {
                file.name = with_word(&name, &format!("{key} {number}"));
                number += 1;
            }
            let note = format!(
                "table File, rows '{first}' and '{}': both go to '{path}'; the second is kept as '{}'",
                file.key, file.name
            );
            self.notes.push(note);
        }
    }
}

/// The name with a word in parentheses before its extension.
fn with_word(name: &str, word: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => format!("{stem} ({word}).{extension}"),
        _ => format!("{name} ({word})"),
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._-".contains(character)
}

fn joined(folder: &[String], name: &str) -> String {
    let mut path = String::new();
    for folder in folder {
        path.push_str(folder);
        path.push('/');
    }
    path + name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: &str, folder: &[&str], name: &str) -> PlannedFile {
        PlannedFile {
            key: key.into(),
            component: None,
            version: None,
            size: 0,
            folder: folder.iter().map(|name| (*name).to_owned()).collect(),
            name: name.to_owned(),
            source: FileSource::Nowhere,
        }
    }

    fn paths(files: Vec<PlannedFile>) -> (Vec<String>, Vec<String>) {
        let mut plan = Plan { files, ..Plan::default() };
        plan.unite_letter_cases();
        plan.keep_both();
        (plan.files.iter().map(PlannedFile::path).collect(), plan.notes)
    }

    #[test]
    fn files_of_one_path_are_all_kept() {
        let (paths, notes) = paths(vec![
            file("a", &["Bin"], "x.dll"),
            file("b", &["BIN"], "X.DLL"),
            file("b/", &["bin"], "x.dll"),
            file("c", &["bin"], "X (b).dll"),
            file("d", &[], "x.dll"),
        ]);
        assert_eq!(paths, ["Bin/x.dll", "Bin/X (b 2).DLL", "Bin/x (b_).dll", "Bin/X (b).dll", "x.dll"]);
        assert_eq!(
            notes[0],
            "table File, rows 'a' and 'b': both go to 'Bin/X.DLL'; the second is kept as 'X (b 2).DLL'"
        );
    }

    #[test]
    fn patterns_match_names_or_whole_paths() {
        for (pattern, wanted) in [
            ("*.DLL", true),
            ("x.*", true),
            ("bin/*", true),
            ("*/x.dll", true),
            ("bin/*.exe", false),
            ("bin", false),
        ] {
            let choice = Choice { only: vec![pattern.to_owned()], flat: false };
            assert_eq!(choice.wants(&["Bin".to_owned()], "x.dll"), wanted, "{pattern}");
        }
    }
}
