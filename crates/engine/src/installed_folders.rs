//! Where an installed product lies: the folders of its components, as they were registered.
//!
//! A product that is changed or removed is where it was installed to, whatever its package says by itself: the folder of
//! a component that is installed cannot be changed (page `changing-the-target-location-for-a-directory.md`). What is
//! registered of a component is its key path. A folder above follows from the one below it when the package's name for
//! that one is the last of its path.

use std::collections::{HashMap, HashSet};

use reseat_machine::products::{self, InstalledProduct};
use reseat_package::{Component, DirectoryTree, KeyPath, MsiAssembly, NameForm, Text, with_backslash};

use crate::builtin_properties;
use crate::error::EngineError;
use crate::session::Session;

/// The folders of directories by their names, as far as the registered key paths tell them.
///
/// # Errors
/// When a table or the registry cannot be read.
pub fn find(session: &Session<'_, '_>) -> Result<HashMap<String, String>, EngineError> {
    let Some(product) = &session.installed else { return Ok(HashMap::new()) };
    let mut folders = registered(session, product)?;
    let tree = session.package.directories()?;
    let fixed = builtin_properties::known_folders(session.machine(), session.is_per_machine());
    infer(&mut folders, &tree, &|directory| fixed.iter().any(|(name, _)| *name == directory));
    Ok(folders)
}

/// The folders of components whose key path is a file or their folder.
fn registered(
    session: &Session<'_, '_>,
    product: &InstalledProduct,
) -> Result<HashMap<String, String>, EngineError> {
    let registry = session.machine().registry()?;
    let key_paths: HashMap<_, _> =
        products::components_of(registry, product.code, product.context).into_iter().collect();
    // Assemblies for all applications do not lie in the folders of their components.
    let assemblies = session.package.rows::<MsiAssembly>()?;
    let elsewhere: HashSet<&Text> =
        assemblies.iter().filter(|row| row.is_global()).map(|row| &row.component).collect();
    let mut folders = HashMap::new();
    for component in session.package.rows::<Component>()?.iter() {
        if elsewhere.contains(&component.component) {
            continue;
        }
        let Some(path) = component.id.and_then(|id| key_paths.get(&id)) else { continue };
        let folder = match component.key_path() {
            KeyPath::File(_) => path.rsplit_once('\\').map(|(folder, _)| with_backslash(folder)),
            KeyPath::Folder(_) => Some(with_backslash(path)),
            KeyPath::Registry(_) | KeyPath::OdbcDataSource(_) => None,
        };
        // Other values, such as the key path of a component that runs from its source, are no paths.
        if let Some(folder) = folder.filter(|folder| folder.as_bytes().get(1) == Some(&b':')) {
            folders.entry(component.directory.to_string()).or_insert(folder);
        }
    }
    Ok(folders)
}

/// Adds the folders above those that are known.
fn infer(folders: &mut HashMap<String, String>, tree: &DirectoryTree, is_fixed: &dyn Fn(&str) -> bool) {
    // Parents come before their children in the tree.
    for directory in tree.folders().iter().rev() {
        let Some(path) = folders.get(&*directory.directory) else { continue };
        let Some(parent) = directory.parent.as_deref().and_then(|parent| tree.get(parent)) else { continue };
        let name = &parent.directory;
        if parent.is_root()
            || is_fixed(name)
            || is_fixed(&directory.directory)
            || folders.contains_key(&**name)
        {
            continue;
        }
        let above = match directory.default_dir.target.name(NameForm::Long) {
            None => Some(path.clone()),
            Some(own) => above(path, own),
        };
        if let Some(above) = above {
            folders.insert(name.to_string(), above);
        }
    }
}

/// The path above a folder with this name; nothing when it has another, or is just below the drive.
fn above(path: &str, name: &str) -> Option<String> {
    let (above, last) = path.trim_end_matches('\\').rsplit_once('\\')?;
    last.eq_ignore_ascii_case(name).then(|| with_backslash(above))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reseat_package::{DefaultDir, Directory};

    #[test]
    fn folders_above_follow_from_those_below() {
        let row = |directory: &str, parent: &str, name: &str| Directory {
            directory: directory.into(),
            parent: (!parent.is_empty()).then(|| parent.into()),
            default_dir: DefaultDir::parse(name).unwrap(),
        };
        let tree = DirectoryTree::new(vec![
            row("TARGETDIR", "", "SourceDir"),
            row("ProgramFilesFolder", "TARGETDIR", "."),
            row("Company", "ProgramFilesFolder", "Company"),
            row("INSTALLDIR", "Company", "App"),
            row("Bin", "INSTALLDIR", "bin"),
            row("Same", "Bin", "."),
        ])
        .unwrap();
        for (known, expected) in [
            (("Same", r"D:\Tools\bin\"), vec![("Bin", r"D:\Tools\bin\"), ("INSTALLDIR", r"D:\Tools\")]),
            (("Bin", r"D:\Other\"), vec![]),
            (
                ("INSTALLDIR", r"C:\Program Files\Company\App\"),
                vec![("Company", r"C:\Program Files\Company\")],
            ),
        ] {
            let mut folders = HashMap::from([(known.0.to_owned(), known.1.to_owned())]);
            infer(&mut folders, &tree, &|name| name == "ProgramFilesFolder");
            let mut all: Vec<_> = expected;
            all.push(known);
            all.sort_unstable();
            let mut found: Vec<_> = folders.iter().map(|(name, path)| (&**name, &**path)).collect();
            found.sort_unstable();
            assert_eq!(found, all, "{known:?}");
        }
    }
}
