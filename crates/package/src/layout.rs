//! Where the files of a package go when it is unpacked rather than installed, and where they come from.
//!
//! The root of the Directory table is the folder that is unpacked to. The folders of Windows that a package can name
//! (page `property-reference.md`, system folder properties) lie beneath it under the names that they have on 64-bit
//! Windows, so that 32-bit and 64-bit folders stay apart. Properties that an installation would set are not known here.

use std::collections::HashMap;
use std::sync::Arc;

use reseat_database::{Database, SummaryInformation};

use crate::component::Component;
use crate::directory::DirectoryTree;
use crate::file::{FileRow, Media};
use crate::file_name::NameForm;
use crate::package::PackageError;
use crate::row::{RowError, TableRow, Text};
use crate::source_image::SourceImage;

/// The cabinet of a merge module (page `mergemodule-cabinet.md`).
pub const MODULE_CABINET: &str = "MergeModule.CABinet";

/// The system folder properties with their places.
const SYSTEM_FOLDERS: [(&str, &[&str]); 27] = [
    ("AdminToolsFolder", &["Start Menu", "Programs", "Administrative Tools"]),
    ("AppDataFolder", &["AppData", "Roaming"]),
    ("CommonAppDataFolder", &["ProgramData"]),
    ("CommonFiles64Folder", &["Program Files", "Common Files"]),
    ("CommonFilesFolder", &["Program Files (x86)", "Common Files"]),
    ("DesktopFolder", &["Desktop"]),
    ("FavoritesFolder", &["Favorites"]),
    ("FontsFolder", &["Windows", "Fonts"]),
    ("LocalAppDataFolder", &["AppData", "Local"]),
    ("MyPicturesFolder", &["Pictures"]),
    ("NetHoodFolder", &["Network Shortcuts"]),
    ("PersonalFolder", &["Documents"]),
    ("PrintHoodFolder", &["Printer Shortcuts"]),
    ("ProgramFiles64Folder", &["Program Files"]),
    ("ProgramFilesFolder", &["Program Files (x86)"]),
    ("ProgramMenuFolder", &["Start Menu", "Programs"]),
    ("RecentFolder", &["Recent"]),
    ("SendToFolder", &["SendTo"]),
    ("StartMenuFolder", &["Start Menu"]),
    ("StartupFolder", &["Start Menu", "Programs", "Startup"]),
    ("System16Folder", &["Windows", "System"]),
    ("System64Folder", &["Windows", "System32"]),
    ("SystemFolder", &["Windows", "SysWOW64"]),
    ("TempFolder", &["Temp"]),
    ("TemplateFolder", &["Templates"]),
    ("WindowsFolder", &["Windows"]),
    ("WindowsVolume", &[]),
];

/// The place of a system folder. In a merge module its key ends in the module's GUID (page `merge-modules.md`).
fn system_folder(directory: &str) -> Option<&'static [&'static str]> {
    let name = directory.split('.').next().unwrap_or(directory);
    SYSTEM_FOLDERS.iter().find(|(folder, _)| *folder == name).map(|(_, place)| *place)
}

/// A file and its place.
#[derive(Debug, Clone)]
pub struct LaidOutFile {
    /// Its key in the File table, which is also its name in a cabinet.
    pub file: Text,
    /// Its component.
    pub component: Text,
    /// The names of the folders that it goes to, the highest first.
    pub folder: Arc<[String]>,
    /// Its long name.
    pub name: String,
    /// Its size in bytes, as the table says.
    pub size: u64,
    /// Version or companion, as the table says.
    pub version: Option<Text>,
    /// The cabinet of its medium, as the Media table names it: with `#` it is a stream of the package.
    pub cabinet: Option<Text>,
    /// Whether it is in that cabinet; else it lies beside the package.
    pub compressed: bool,
    /// The folders beneath the package's that it lies in when it is in no cabinet, the highest first.
    pub source_folder: Arc<[String]>,
    /// Its name there, if that is another one.
    pub source_name: Option<Box<str>>,
}

impl LaidOutFile {
    /// Its name when it is in no cabinet.
    pub fn source_name(&self) -> &str {
        self.source_name.as_deref().unwrap_or(&self.name)
    }
}

/// A file that has no place, so that it cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutProblem {
    /// A row cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),
    /// Its component is not there.
    #[error(
        "table File, row '{file}': column Component_ names '{component}', which is no row of table Component"
    )]
    NoComponent {
        /// The file.
        file: Text,
        /// The component.
        component: Text,
    },
    /// Its folder is not there, or too deep.
    #[error("table File, row '{file}': its folder '{directory}' is no row of table Directory, or too deep")]
    NoDirectory {
        /// The file.
        file: Text,
        /// The folder.
        directory: Text,
    },
}

/// The files of a package with their places.
#[derive(Debug, Default)]
pub struct Layout {
    /// The files in the order of the File table.
    pub files: Vec<LaidOutFile>,
    /// The rows that have no place.
    pub problems: Vec<LayoutProblem>,
}

impl Layout {
    /// Lays out the files of a database.
    ///
    /// # Errors
    /// When a table cannot be read or the Directory table is no tree. A file that has no place is one of the
    /// [`Layout::problems`].
    pub fn load(database: &Database) -> Result<Self, PackageError> {
        let mut files = Vec::new();
        let problems = Self::for_each(database, |file| files.push(file))?;
        Ok(Self { files, problems })
    }

    /// Lays out the files of a database and hands out each, without keeping them. Gives the rows that have no place.
    ///
    /// # Errors
    /// As [`Layout::load`].
    pub fn for_each(
        database: &Database,
        mut take: impl FnMut(LaidOutFile),
    ) -> Result<Vec<LayoutProblem>, PackageError> {
        let mut problems = Vec::new();
        // These tables may have very many rows, which are not kept.
        let Some(files) = database.pieces("File")? else { return Ok(problems) };
        let summary = database.summary()?;
        let image = SourceImage::of(&summary);
        let tree = match database.table("Directory")? {
            Some(table) => DirectoryTree::load(&table)?,
            None => DirectoryTree::default(),
        };
        let media = Disks::load(database)?;
        let mut components = HashMap::new();
        for piece in database.pieces("Component")?.into_iter().flatten() {
            for row in piece?.rows() {
                match Component::read(&row) {
                    Ok(component) => _ = components.insert(component.component, component.directory),
                    Err(error) => problems.push(error.into()),
                }
            }
        }
        let mut folders = HashMap::new();
        for piece in files {
            let piece = piece?;
            for row in piece.rows() {
                let version = row.value("Version").clone();
                let file = match FileRow::read(&row) {
                    Ok(file) => file,
                    Err(error) => {
                        problems.push(error.into());
                        continue;
                    }
                };
                let Some(directory) = components.get(&file.component) else {
                    let problem = LayoutProblem::NoComponent { file: file.file, component: file.component };
                    problems.push(problem);
                    continue;
                };
                let place =
                    folders.entry(directory.clone()).or_insert_with(|| Folder::find(&tree, directory, image));
                let Some(place) = place else {
                    let problem =
                        LayoutProblem::NoDirectory { file: file.file, directory: directory.clone() };
                    problems.push(problem);
                    continue;
                };
                let source_name = file.name.name(image.names);
                let source_name = (source_name != file.name.long()).then(|| source_name.into());
                take(LaidOutFile {
                    folder: place.target.clone(),
                    name: file.name.long().to_owned(),
                    size: file.bytes(),
                    version: match version {
                        reseat_database::Value::Text(text) => Some(text),
                        _ => None,
                    },
                    compressed: media.is_compressed(&file, &summary),
                    cabinet: media.cabinet(file.sequence),
                    source_folder: place.source.clone(),
                    source_name,
                    file: file.file,
                    component: file.component,
                });
            }
        }
        Ok(problems)
    }
}

/// A folder at the target and at the source.
struct Folder {
    target: Arc<[String]>,
    source: Arc<[String]>,
}

impl Folder {
    fn find(tree: &DirectoryTree, directory: &str, image: SourceImage) -> Option<Self> {
        let known = |directory: &str| system_folder(directory).is_some();
        let (top, names) = tree.target_names(directory, NameForm::Long, known)?;
        let top = top.and_then(|top| system_folder(top)).unwrap_or_default();
        let source = image.path(tree, directory).unwrap_or_default();
        Some(Self {
            target: top.iter().copied().chain(names).map(str::to_owned).collect(),
            source: source.split('\\').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    }
}

/// The Media table by its last sequence numbers.
struct Disks {
    rows: Vec<Media>,
    module: Option<Text>,
}

impl Disks {
    fn load(database: &Database) -> Result<Self, PackageError> {
        let mut rows = Vec::new();
        if let Some(table) = database.table("Media")? {
            for row in table.rows() {
                rows.push(Media::read(&row)?);
            }
        }
        rows.sort_by_key(|row| row.last_sequence);
        let module = database.stream(MODULE_CABINET)?.map(|_| format!("#{MODULE_CABINET}").into());
        Ok(Self { rows, module })
    }

    /// The cabinet that holds the file with this sequence number.
    fn cabinet(&self, sequence: i32) -> Option<Text> {
        if let Some(module) = &self.module {
            return Some(module.clone());
        }
        let position = self.rows.partition_point(|disk| disk.last_sequence < sequence);
        self.rows.get(position)?.cabinet_name.clone()
    }

    fn is_compressed(&self, file: &FileRow, summary: &SummaryInformation) -> bool {
        match file.attributes {
            _ if self.module.is_some() => true,
            attributes => attributes.is_compressed(summary),
        }
    }
}

#[cfg(test)]
mod tests {
    use reseat_database::{Column, ColumnType, Table, Value};

    use super::*;

    fn table(name: &str, columns: &[&str], rows: &[&[&str]]) -> Table {
        let columns = columns.iter().enumerate().map(|(place, name)| Column {
            name: (*name).to_owned(),
            kind: ColumnType::Text(0),
            nullable: true,
            key: place == 0,
            localizable: false,
        });
        let mut table = Table::new(name, columns.collect());
        for row in rows {
            let value = |text: &&str| text.parse::<i32>().map_or_else(|_| Value::from(*text), Value::from);
            table.push(row.iter().map(value).collect());
        }
        table
    }

    fn package() -> Database {
        let mut database = Database::create();
        database.put_table(table(
            "Directory",
            &["Directory", "Directory_Parent", "DefaultDir"],
            &[
                &["TARGETDIR", "", "SourceDir"],
                &["ProgramFilesFolder", "TARGETDIR", "."],
                &["ProgramFiles64Folder", "TARGETDIR", "PFiles"],
                &["App", "ProgramFilesFolder", "APP|The App:src"],
                &["App64", "ProgramFiles64Folder", "APP|The App"],
                &["SystemFolder.ABC", "TARGETDIR", "System"],
                &["Bin", "App", "."],
            ],
        ));
        database.put_table(table(
            "Component",
            &["Component", "Directory_"],
            &[&["A", "Bin"], &["B", "App64"], &["C", "SystemFolder.ABC"], &["D", "Nowhere"]],
        ));
        database.put_table(table(
            "File",
            &["File", "Component_", "FileName", "FileSize", "Attributes", "Sequence"],
            &[
                &["f1", "A", "READ~1.TXT|Read me.txt", "10", "", "1"],
                &["f2", "B", "a.dll", "20", "8192", "2"],
                &["f3", "C", "b.dll", "30", "16384", "3"],
                &["f4", "D", "c.dll", "30", "", "4"],
                &["f5", "E", "c.dll", "30", "", "4"],
                &["f6", "A", "..", "30", "", "4"],
            ],
        ));
        database.put_table(table(
            "Media",
            &["DiskId", "LastSequence", "Cabinet"],
            &[&["2", "9", "two.cab"], &["1", "2", "#one.cab"]],
        ));
        database
    }

    #[test]
    fn files_go_to_their_folders_and_those_of_windows_stay_apart() {
        let layout = Layout::load(&package()).unwrap();
        let lines: Vec<_> = layout
            .files
            .iter()
            .map(|file| {
                let cabinet = file.cabinet.as_deref().unwrap_or_default();
                let loose = || format!("{}/{}", file.source_folder.join("/"), file.source_name());
                let from = if file.compressed { cabinet.to_owned() } else { loose() };
                format!("{}/{} < {from}", file.folder.join("/"), file.name)
            })
            .collect();
        assert_eq!(
            lines,
            [
                "Program Files (x86)/The App/Read me.txt < src/Read me.txt",
                "Program Files/The App/a.dll < PFiles/The App/a.dll",
                "Windows/SysWOW64/b.dll < two.cab",
            ]
        );
    }

    #[test]
    fn files_without_a_place_are_named() {
        let problems: Vec<_> =
            Layout::load(&package()).unwrap().problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "table File, row 'f4': its folder 'Nowhere' is no row of table Directory, or too deep",
                "table File, row 'f5': column Component_ names 'E', which is no row of table Component",
                "table File, row 'f6': column FileName is '..': '..' leads to another folder",
            ]
        );
    }
}
