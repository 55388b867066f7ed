//! What an installation does to features, components, folders and files: the result of costing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use reseat_package::feature_state::{ComponentState, FeatureState, States};
use reseat_package::{
    Component, ComponentAttributes, DirectoryTree, FileRow, InstallState, KeyPath, MsiFileHash, NameForm,
    Package, PackageError, Text, with_backslash,
};

use crate::net_assembly::NetAssembly;
use crate::side_by_side::SideBySide;

/// What is done to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It is installed, for the first time or again.
    Install,
    /// It is removed.
    Remove,
}

/// A row of the File table with what belongs to it.
#[derive(Debug, Clone)]
pub struct PlannedFile {
    /// The row.
    pub row: FileRow,
    /// The hash of its content, if the package knows it.
    pub hash: Option<[u32; 4]>,
}

/// The result of costing.
pub struct Selection {
    tree: Arc<DirectoryTree>,
    /// Target folders by directory, each with a separator at its end.
    folders: BTreeMap<String, String>,
    /// The target folders without the separator and in lower case, as soon as one is looked for.
    lower_folders: OnceLock<HashSet<String>>,
    /// The form of the names of files.
    names: NameForm,
    states: States,
    components: HashMap<Text, Component>,
    /// In the order of the media.
    files: Vec<PlannedFile>,
    positions: HashMap<Text, usize>,
    /// The positions of files by their components, as soon as one is looked for.
    positions_of: OnceLock<HashMap<Text, Vec<usize>>>,
    /// Assemblies of Windows by their components.
    assemblies: HashMap<Text, SideBySide>,
    /// Assemblies of .NET by their components.
    net_assemblies: HashMap<Text, NetAssembly>,
    /// The folder of Windows, with a separator at its end; nothing in an administrative image.
    windows: Option<String>,
}

impl Selection {
    /// Loads what does not depend on the machine.
    ///
    /// # Errors
    /// When a table is wrong.
    pub fn load(package: &Package) -> Result<Self, PackageError> {
        let hashes: HashMap<Text, [u32; 4]> =
            package.rows::<MsiFileHash>()?.iter().map(|row| (row.file.clone(), row.parts())).collect();
        let mut files: Vec<PlannedFile> = package
            .rows::<FileRow>()?
            .iter()
            .map(|row| PlannedFile { row: row.clone(), hash: hashes.get(&row.file).copied() })
            .collect();
        files.sort_by_key(|file| file.row.sequence);
        let positions =
            files.iter().enumerate().map(|(position, file)| (file.row.file.clone(), position)).collect();
        let components =
            package.rows::<Component>()?.iter().map(|row| (row.component.clone(), row.clone())).collect();
        Ok(Self {
            tree: package.directories()?,
            folders: BTreeMap::new(),
            lower_folders: OnceLock::new(),
            names: NameForm::Long,
            states: States::default(),
            components,
            files,
            positions,
            positions_of: OnceLock::new(),
            assemblies: SideBySide::load(package)?,
            net_assemblies: NetAssembly::load(package)?,
            windows: None,
        })
    }

    /// Resolves the target folders; `property` gives those that are set.
    pub fn resolve_folders(&mut self, property: &dyn Fn(&str) -> Option<String>) {
        self.folders = self.tree.resolve_targets(property, NameForm::Long);
        self.lower_folders.take();
        self.windows = property("WindowsFolder").as_deref().map(with_backslash);
    }

    /// Puts every folder where an administrative image beneath `root` has it (page `administrative-installation.md`).
    pub fn resolve_image(&mut self, root: &str, names: NameForm) {
        let root = with_backslash(root);
        self.names = names;
        let place = |directory: &str| self.tree.source_path(directory, names);
        let folders = self.tree.folders().iter().map(|row| &row.directory);
        self.folders =
            folders.filter_map(|name| Some((name.to_string(), format!("{root}{}", place(name)?)))).collect();
        self.lower_folders.take();
    }

    /// Moves a folder and those beneath it that lie in it.
    pub fn move_folder(&mut self, directory: &str, path: &str) {
        let new = with_backslash(path);
        self.lower_folders.take();
        let Some(old) = self.folders.insert(directory.to_owned(), new.clone()) else { return };
        for beneath in self.tree.beneath(directory) {
            if let Some(folder) = self.folders.get_mut(&**beneath)
                && let Some(rest) = folder.strip_prefix(&old)
            {
                *folder = format!("{new}{rest}");
            }
        }
    }

    /// Takes the states of features and components.
    pub fn set_states(&mut self, states: States) {
        self.states = states;
    }

    /// The Directory table.
    pub fn tree(&self) -> &DirectoryTree {
        &self.tree
    }

    /// The target folders by directory.
    pub fn folders(&self) -> &BTreeMap<String, String> {
        &self.folders
    }

    /// The features by name.
    pub fn features(&self) -> impl Iterator<Item = &FeatureState> {
        self.states.features.values()
    }

    /// The components by name.
    pub fn components(&self) -> impl Iterator<Item = (&Component, &ComponentState)> {
        self.states.components.iter().filter_map(|(name, state)| Some((self.components.get(name)?, state)))
    }

    /// The state of a feature.
    pub fn feature(&self, feature: &str) -> Option<&FeatureState> {
        self.states.features.get(feature)
    }

    /// The state of a component.
    pub fn component(&self, component: &str) -> Option<&ComponentState> {
        self.states.components.get(component)
    }

    /// Whether this is done to a component.
    pub fn does(&self, component: &str, doing: Doing) -> bool {
        let action = self.component(component).map_or(InstallState::Unknown, |state| state.action);
        match doing {
            Doing::Install => action.is_present(),
            Doing::Remove => action == InstallState::Absent,
        }
    }

    /// Whether anything is installed, or installed again.
    pub fn installs_something(&self) -> bool {
        self.features().any(|state| state.action.is_present())
    }

    /// A component's attributes.
    pub fn attributes(&self, component: &str) -> ComponentAttributes {
        self.components.get(component).map(|row| row.attributes).unwrap_or_default()
    }

    /// Whether a component is for 64-bit programs.
    pub fn is_64_bit(&self, component: &str) -> bool {
        self.attributes(component).has(ComponentAttributes::BITS_64)
    }

    /// The directory of a component.
    pub fn component_directory(&self, component: &str) -> &str {
        self.components.get(component).map_or("", |row| &*row.directory)
    }

    /// The files in the order of the media.
    pub fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    /// A file by its key.
    pub fn file(&self, file: &str) -> Option<&PlannedFile> {
        self.files.get(*self.positions.get(file)?)
    }

    /// The files of a component, in the order of the media.
    pub fn files_of(&self, component: &str) -> impl Iterator<Item = &PlannedFile> {
        let positions = self.positions_of.get_or_init(|| {
            let mut positions: HashMap<Text, Vec<usize>> = HashMap::new();
            for (position, file) in self.files.iter().enumerate() {
                positions.entry(file.row.component.clone()).or_default().push(position);
            }
            positions
        });
        positions.get(component).into_iter().flatten().filter_map(|position| self.files.get(*position))
    }

    /// The target folder of a component.
    pub fn component_folder(&self, component: &str) -> Option<String> {
        self.folders.get(self.component_directory(component)).cloned()
    }

    /// The target path of a file.
    pub fn file_target(&self, file: &str) -> Option<String> {
        self.target(self.file(file)?)
    }

    /// The assemblies of .NET for all applications, by their components.
    pub fn net_assemblies(&self) -> &HashMap<Text, NetAssembly> {
        &self.net_assemblies
    }

    /// Takes the caches that assemblies belong to, by their components.
    pub fn set_caches(&mut self, caches: &HashMap<Text, usize>) {
        for (component, assembly) in &mut self.net_assemblies {
            assembly.cache = caches.get(component).copied();
        }
    }

    /// Whether a component is an assembly of Windows for all applications, which is found by its manifest and registered nowhere.
    pub fn is_side_by_side(&self, component: &str) -> bool {
        self.windows.is_some() && self.assemblies.contains_key(component)
    }

    /// The target path of a file.
    pub fn target(&self, file: &PlannedFile) -> Option<String> {
        let (component, name) = (&file.row.component, file.row.name.name(self.names));
        if let Some(windows) = &self.windows {
            let place = match (self.assemblies.get(component), self.net_assemblies.get(component)) {
                (Some(assembly), _) => Some(assembly.place(&file.row.file, name)),
                (None, Some(assembly)) => assembly.place(name),
                (None, None) => None,
            };
            if let Some(place) = place {
                return Some(format!("{windows}{place}"));
            }
        }
        let folder = self.folders.get(self.component_directory(component))?;
        Some(format!("{folder}{name}"))
    }

    /// The target path of the file that is a component's key path.
    pub fn key_path_file(&self, component: &str) -> Option<String> {
        match self.components.get(component)?.key_path() {
            KeyPath::File(file) => self.file_target(&file),
            _ => None,
        }
    }

    /// Whether a path, without the separator at its end, is a folder of the Directory table.
    pub fn is_directory(&self, path: &str) -> bool {
        let lower = |folder: &String| folder.trim_end_matches('\\').to_ascii_lowercase();
        let known = self.lower_folders.get_or_init(|| self.folders.values().map(lower).collect());
        known.contains(&path.to_ascii_lowercase())
    }
}
