//! The transforms of an installation: the property TRANSFORMS, where each is found, and what is registered of them.
//!
//! See the pages `transforms.md`, `applying-transforms.md`, `embedded-transforms.md`, `secured-transforms.md`,
//! `secure-at-source-transforms.md`, `secure-full-path-transforms.md` and `unsecured-transforms.md`. The list is that of the
//! first installation for as long as the product is installed.

use std::path::{Path, PathBuf};

use reseat_database::{Database, Reading, Transform};
use reseat_machine::products::{self, InstalledProduct};
use reseat_machine::{Hive, KnownFolder, Machine, RegistryValue, WindowsPath};

use crate::beside::Beside;
use crate::error::EngineError;
use crate::log::service;
use crate::origin::{Origin, unix_path};
use crate::policy;

/// The most transforms (page `applying-transforms.md`).
const MOST: usize = 255;

/// How transforms that are files are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// In the cache, and restored from the package's source (`@`).
    AtSource,
    /// In the cache, and restored from the path in the list (`|`).
    FullPath,
    /// In the cache, which the list names.
    Unsecured,
}

/// One transform of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// A storage of the package.
    Embedded(String),
    /// A file.
    File {
        /// What the list calls it: a file name or a path.
        name: String,
        /// Where it was found.
        path: PathBuf,
        /// Where it is cached by now, a Windows path.
        cached: Option<String>,
    },
}

/// A list of transforms, each found.
#[derive(Debug, Clone)]
pub struct TransformList {
    keeping: Keeping,
    entries: Vec<Entry>,
}

/// A transform that is to be cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedTransform {
    /// What the registered list calls it.
    pub name: String,
    /// Where it was found.
    pub file: PathBuf,
    /// Where it is kept, a Windows path.
    pub path: String,
}

impl TransformList {
    /// No transforms.
    pub fn none() -> Self {
        Self { keeping: Keeping::AtSource, entries: Vec::new() }
    }

    /// Reads the list of a first installation and finds its files; `secure` is whether a list without a mark is of secure
    /// transforms.
    ///
    /// # Errors
    /// [`EngineError::Transform`] when a file is not where the list wants it, or the list mixes names and paths.
    pub fn of_command_line(
        machine: &Machine,
        text: &str,
        source: &Path,
        secure: bool,
    ) -> Result<Self, EngineError> {
        let (mark, rest) = match text.strip_prefix(['@', '|']) {
            Some(rest) => (text.chars().next(), rest),
            None => (None, text),
        };
        let names: Vec<&str> = rest.split(';').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.len() > MOST {
            return Err(wrong(text, format!("these are {} transforms, and {MOST} is the most", names.len())));
        }
        let files: Vec<&str> = names.iter().copied().filter(|name| !name.starts_with(':')).collect();
        let at_source = |name: &str| Beside::folder(source.to_owned()).find([name]);
        if files.iter().any(|name| is_path(name)) && files.iter().any(|name| !is_path(name)) && mark.is_some()
        {
            return Err(wrong(text, "file names and paths cannot be in one list"));
        }
        let keeping = match mark {
            Some('@') => Keeping::AtSource,
            Some(_) => Keeping::FullPath,
            None if !secure => Keeping::Unsecured,
            None if files.iter().all(|name| !is_path(name) && at_source(name).is_some()) => Keeping::AtSource,
            None => Keeping::FullPath,
        };
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            if let Some(storage) = name.strip_prefix(':') {
                entries.push(Entry::Embedded(storage.to_owned()));
                continue;
            }
            let found = match keeping {
                Keeping::AtSource if is_path(name) => {
                    return Err(wrong(name, "a transform at the source is named without a path"));
                }
                Keeping::AtSource => at_source(name),
                Keeping::FullPath if mark.is_some() && !is_absolute(name) => {
                    return Err(wrong(name, "it is no full path"));
                }
                _ => given_path(machine, name).filter(|path| path.is_file()).or_else(|| {
                    // The page of unsecured transforms: beside the package when it is not where the list says.
                    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
                    mark.is_none().then(|| at_source(last)).flatten()
                }),
            };
            let Some(path) = found.filter(|path| path.is_file()) else {
                let place = match keeping {
                    Keeping::AtSource => format!("it is not in {}", source.display()),
                    _ => "there is no such file".to_owned(),
                };
                return Err(wrong(name, place));
            };
            let path = std::path::absolute(&path).unwrap_or(path);
            let name = match keeping {
                Keeping::AtSource => name.to_owned(),
                _ => machine
                    .windows_path(&path)
                    .map_or_else(|| path.display().to_string(), |it| it.to_string()),
            };
            entries.push(Entry::File { name, path, cached: None });
        }
        Ok(Self { keeping, entries })
    }

    /// The list of an installed product: its files come from the cache, else from where they were.
    ///
    /// # Errors
    /// [`EngineError::Transform`] when one is in neither place, or when the registry cannot be read.
    pub fn of_product(
        machine: &Machine,
        product: &InstalledProduct,
        origin: &Origin,
    ) -> Result<Self, EngineError> {
        let Some(text) = &product.transforms else { return Ok(Self::none()) };
        let (keeping, rest) = match text.split_at_checked(1) {
            Some(("@", rest)) => (Keeping::AtSource, rest),
            Some(("|", rest)) => (Keeping::FullPath, rest),
            _ => (Keeping::Unsecured, text.as_str()),
        };
        let cached = products::patches::cached_transforms(machine.registry()?, product.code, product.context);
        let mut entries = Vec::new();
        for name in rest.split(';').map(str::trim).filter(|name| !name.is_empty()).take(MOST) {
            if let Some(storage) = name.strip_prefix(':') {
                entries.push(Entry::Embedded(storage.to_owned()));
                continue;
            }
            let cached = cached.iter().find(|(listed, _)| listed == name).map(|(_, path)| path.clone());
            let in_cache = cached.as_deref().and_then(|path| unix_path(machine, path));
            let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
            let restored = || match keeping {
                Keeping::FullPath => unix_path(machine, name),
                Keeping::AtSource | Keeping::Unsecured => Beside::folder(origin.folder.clone()).find([last]),
            };
            let present = in_cache.filter(|path| path.is_file());
            let is_cached = present.is_some();
            let Some(path) = present.or_else(restored).filter(|path| path.is_file()) else {
                let kept = cached.unwrap_or_default();
                return Err(wrong(
                    name,
                    format!("it is neither where it was kept ({kept}) nor at its source"),
                ));
            };
            entries.push(Entry::File { name: name.to_owned(), path, cached: cached.filter(|_| is_cached) });
        }
        Ok(Self { keeping, entries })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Applies all of them in their order, and tells whether they change programs of custom actions. `after` sees the
    /// database after each.
    ///
    /// # Errors
    /// [`EngineError::Transform`] when one cannot be read, is for another package, or does not fit, and what `after` says.
    pub fn apply(
        &self,
        database: &mut Database,
        mut after: impl FnMut(usize, &Database) -> Result<(), EngineError>,
    ) -> Result<bool, EngineError> {
        let mut changes_programs = false;
        for (place, entry) in self.entries.iter().enumerate() {
            let name = entry.listed();
            let failed = |source| EngineError::Transform { transform: name.clone(), source };
            let transform = match entry {
                Entry::Embedded(storage) => {
                    let transform = database.transform(storage).map_err(|error| failed(error.into()))?;
                    transform.ok_or_else(|| failed("the package has no such storage".into()))?
                }
                Entry::File { path, .. } => {
                    Transform::open(path, Reading::Permissive).map_err(|error| failed(error.into()))?
                }
            };
            transform.check(database).map_err(|error| failed(error.into()))?;
            let overlooked = database.apply_transform(&transform, transform.conditions());
            for condition in overlooked.map_err(|error| failed(error.into()))? {
                service!("Transform {name}: {condition}");
            }
            service!("Applied transform {name}");
            changes_programs |= transform.tables().any(|table| table == "Binary");
            after(place, database)?;
        }
        Ok(changes_programs)
    }

    /// The list as it is registered, with the files that have to be cached under a folder of the product's own.
    pub fn registered(&self, folder: &WindowsPath) -> (Option<String>, Vec<CachedTransform>) {
        let mut files = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            let Entry::File { name, path, cached } = entry else {
                names.push(entry.listed());
                continue;
            };
            let last = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let place = match cached {
                Some(cached) => cached.clone(),
                None if files
                    .iter()
                    .any(|file: &CachedTransform| file.path.ends_with(&format!("\\{last}"))) =>
                {
                    format!("{folder}\\{place}-{last}")
                }
                None => format!("{folder}\\{last}"),
            };
            let name = if self.keeping == Keeping::Unsecured { place.clone() } else { name.clone() };
            names.push(name.clone());
            files.push(CachedTransform { name, file: path.clone(), path: place });
        }
        let mark = match self.keeping {
            Keeping::AtSource => "@",
            Keeping::FullPath => "|",
            Keeping::Unsecured => "",
        };
        let text = (!names.is_empty()).then(|| format!("{mark}{}", names.join(";")));
        (text, files)
    }
}

impl Entry {
    fn listed(&self) -> String {
        match self {
            Self::Embedded(storage) => format!(":{storage}"),
            Self::File { name, .. } => name.clone(),
        }
    }
}

/// The folder in which a product's transforms and icons are kept.
pub fn cache_folder(machine: &Machine, product: reseat_database::ProductCode) -> String {
    format!("{}\\{product}", machine.folder(KnownFolder::Installer))
}

/// Whether transforms without a mark are secure: the properties and policies TransformsSecure and TransformsAtSource (pages
/// `transformssecure.md`, `transformssecure-policy.md`). The policy is on where an administrator does not say.
///
/// # Errors
/// When the registry cannot be read.
pub fn are_secure(machine: &Machine, property: impl Fn(&str) -> Option<String>) -> Result<bool, EngineError> {
    if ["TRANSFORMSSECURE", "TRANSFORMSATSOURCE"].iter().any(|name| property(name).as_deref() == Some("1")) {
        return Ok(true);
    }
    let at_source = policy::value(machine, Hive::CurrentUser, "TransformsAtSource")?;
    if at_source == Some(RegistryValue::String("1".to_owned())) {
        return Ok(true);
    }
    let secure = policy::value(machine, Hive::LocalMachine, "TransformsSecure")?;
    Ok(secure != Some(RegistryValue::Dword(0)))
}

fn wrong(transform: &str, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EngineError {
    EngineError::Transform { transform: transform.to_owned(), source: reason.into() }
}

fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.as_bytes().get(1) == Some(&b':')
}

fn is_absolute(name: &str) -> bool {
    name.starts_with(['/', '\\']) || name.as_bytes().get(1) == Some(&b':')
}

/// A path that the user wrote, of this machine or as packages see it; relative to the current folder.
pub fn given_path(machine: &Machine, name: &str) -> Option<PathBuf> {
    if name.as_bytes().get(1) == Some(&b':') {
        return unix_path(machine, name);
    }
    let path = PathBuf::from(name);
    if path.exists() || !name.contains('\\') {
        return std::path::absolute(&path).ok();
    }
    std::path::absolute(name.replace('\\', "/")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::create(&folder.path().join("prefix"), reseat_machine::Bitness::X64).unwrap();
        for name in ["source/a.mst", "source/b.mst", "other/c.mst"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        (folder, machine)
    }

    #[test]
    fn lists_are_read_as_documented() {
        let (folder, machine) = scene();
        let other = folder.path().join("other/c.mst").display().to_string();
        let source = folder.path().join("source");
        let cache = WindowsPath::parse(r"C:\windows\Installer\X").unwrap();
        let full = machine.windows_path(Path::new(&other)).map_or(other.clone(), |path| path.to_string());
        for (text, secure, expected) in [
            ("a.mst", true, Some("@a.mst".to_owned())),
            ("A.MST;:one;b.mst", true, Some("@A.MST;:one;b.mst".to_owned())),
            (":one;:two", true, Some("@:one;:two".to_owned())),
            ("@a.mst;:one", false, Some("@a.mst;:one".to_owned())),
            ("@:one;a.mst", true, Some("@:one;a.mst".to_owned())),
            ("@c.mst", true, None),
            (&format!("@{other}"), true, None),
            (&format!("|{other};:one"), true, Some(format!("|{full};:one"))),
            ("|a.mst", true, None),
            (&format!("|{other};a.mst"), true, None),
            (&other, true, Some(format!("|{full}"))),
            (&other, false, Some(r"C:\windows\Installer\X\c.mst".to_owned())),
            ("a.mst", false, Some(r"C:\windows\Installer\X\a.mst".to_owned())),
            ("absent.mst", true, None),
        ] {
            let list = TransformList::of_command_line(&machine, text, &source, secure);
            let registered = list.ok().and_then(|list| list.registered(&cache).0);
            assert_eq!(registered, expected, "{text}, secure: {secure}");
        }
    }
}
