//! Where the assemblies of .NET that all applications share are kept: the global assembly cache.
//!
//! See the pages `msiassembly-table.md`, `msiassemblyname-table.md`, `installation-of-assemblies-to-the-global-assembly-cache.md` and
//! `reinstallation-modes-of-common-language-runtime-assemblies.md`. .NET finds an assembly by the folders' names: the processor that it is for, its name, and its version,
//! culture and key. Assemblies for version 4 of the runtime have a cache of their own. Runtime and processor are told by
//! the headers of the assembly alone; a package that is installed for the first time is therefore read before anything is decided, and of
//! a product that is installed it is known where its assemblies lie.

use std::collections::HashMap;
use std::io::{self, Write};

use reseat_machine::file_version::Version;
use reseat_machine::{ClrHeader, ClrProcessor, KnownFolder, MachineError, check_name, products};
use reseat_package::{
    Component, KeyPath, MsiAssemblyName, OverwriteMode, Package, PackageError, ReinstallMode, Text,
    global_assemblies, with_backslash,
};
use reseat_script::Source;

use crate::error::EngineError;
use crate::log::service;
use crate::request::TopLevel;
use crate::row_fault::RowFault;
use crate::session::Session;
use crate::source::{self, Sources};

/// How much of an assembly is looked at for its headers, in bytes.
const MOST_LOOKED_AT: usize = 32 << 20;

/// The folders of the caches beneath that of Windows, and what stands before the version in each.
const CACHES: [(&str, &str); 7] = [
    (r"assembly\GAC", ""),
    (r"assembly\GAC_MSIL", ""),
    (r"assembly\GAC_32", ""),
    (r"assembly\GAC_64", ""),
    (r"Microsoft.NET\assembly\GAC_MSIL", "v4.0_"),
    (r"Microsoft.NET\assembly\GAC_32", "v4.0_"),
    (r"Microsoft.NET\assembly\GAC_64", "v4.0_"),
];
/// The cache of assemblies for any processor and version 4.
const USUAL_CACHE: usize = 4;

/// An assembly of .NET for all applications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetAssembly {
    name: String,
    /// Version, culture and key, as the folder has them.
    rest: String,
    /// The file with its manifest; without it the key path of its component.
    manifest: Option<Text>,
    /// Which of the caches it belongs to, once that is known.
    pub cache: Option<usize>,
}

impl NetAssembly {
    /// The assemblies of a package by their components; of one whose name is not whole or can be none of a folder's, nothing.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn load(package: &Package) -> Result<HashMap<Text, Self>, PackageError> {
        global_assemblies(package, true, Self::named)
    }

    fn named(parts: &[&MsiAssemblyName], manifest: Option<Text>) -> Option<Self> {
        let part = |name: &str| {
            let row = parts.iter().find(|row| row.name.eq_ignore_ascii_case(name))?;
            Some(row.value.trim())
        };
        let name = part("Name")?;
        let version: Version = part("Version")?.parse().ok()?;
        let culture = part("Culture").filter(|culture| !culture.eq_ignore_ascii_case("neutral"));
        let culture = culture.unwrap_or_default();
        let key = part("PublicKeyToken")?;
        let is_key = key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_culture = culture.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_whole = is_key && is_culture && check_name(name).is_ok();
        let rest = format!("{version}_{culture}_{}", key.to_ascii_lowercase());
        is_whole.then(|| Self { name: name.to_owned(), rest, manifest, cache: None })
    }

    /// Where a file of it lies beneath the folder of Windows; nothing as long as its cache is not known.
    pub fn place(&self, file_name: &str) -> Option<String> {
        Some(format!(r"{}\{file_name}", self.folder(*CACHES.get(self.cache?)?)))
    }

    fn folder(&self, (cache, runtime): (&str, &str)) -> String {
        format!(r"{cache}\{}\{runtime}{}", self.name, self.rest)
    }

    /// The cache in which a path beneath the folder of Windows has it.
    fn cache_of(&self, path: &str) -> Option<usize> {
        let (folder, _) = path.rsplit_once('\\')?;
        CACHES.iter().position(|cache| self.folder(*cache).eq_ignore_ascii_case(folder))
    }
}

/// The cache that the headers of an assembly ask for.
fn cache_for(header: &ClrHeader) -> usize {
    let processor = match header.processor {
        ClrProcessor::Any => 0,
        ClrProcessor::X86 => 1,
        ClrProcessor::X64 => 2,
    };
    match header.runtime.strip_prefix('v').and_then(|version| version.split('.').next()) {
        Some("0" | "1") => 0,
        Some("2" | "3") => 1 + processor,
        _ => 4 + processor,
    }
}

/// Finds the caches that the assemblies of the package belong to.
///
/// # Errors
/// When an assembly is none of .NET, or its source is not there.
pub fn find_caches(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let assemblies = session.selection()?.net_assemblies().clone();
    if assemblies.is_empty() || session.top_level != TopLevel::Install {
        return Ok(());
    }
    let mut caches = registered_caches(session, &assemblies)?;
    // In the order of the media, so that no cabinet is read twice.
    let media = source::media(&session.package)?;
    let mut sources = session.take_sources()?;
    for file in session.selection()?.files() {
        let component = &file.row.component;
        let Some(assembly) = assemblies.get(component).filter(|_| !caches.contains_key(component)) else {
            continue;
        };
        if manifest(session, component, assembly)?.is_some_and(|manifest| manifest == file.row.file) {
            let source = source::of_file(session, &media, file)?;
            let header = beginning(session, &mut sources, &source).map(|bytes| ClrHeader::read(&bytes));
            let header = match (header, &session.installed) {
                (Ok(header), _) => header,
                // A product that is removed or looked at may have its source no more.
                (Err(_), Some(_)) => continue,
                (Err(error), None) => return Err(error),
            };
            let header = header.ok_or_else(|| {
                let file = file.row.name.long().to_owned();
                EngineError::row("MsiAssembly", component, RowFault::NoAssembly { file })
            })?;
            service!("The assembly of component {component} is made for the runtime {}", header.runtime);
            caches.insert(component.clone(), cache_for(&header));
        }
    }
    session.sources = Some(sources);
    for (component, assembly) in &assemblies {
        if !caches.contains_key(component) {
            caches.insert(component.clone(), existing_cache(session, assembly)?);
        }
    }
    if let Some(selection) = &mut session.selection {
        selection.set_caches(&caches);
    }
    Ok(())
}

/// The file with the manifest of an assembly; nothing when the package names none.
fn manifest(
    session: &Session<'_, '_>,
    component: &str,
    assembly: &NetAssembly,
) -> Result<Option<Text>, EngineError> {
    if let Some(manifest) = &assembly.manifest {
        return Ok(Some(manifest.clone()));
    }
    let row = session.package.find::<Component>(component)?;
    Ok(row.and_then(|row| match row.key_path() {
        KeyPath::File(file) => Some(file),
        _ => None,
    }))
}

/// The caches in which the assemblies of the installed product lie. A product that is installed again from another package
/// may have other assemblies in the same components.
fn registered_caches(
    session: &Session<'_, '_>,
    assemblies: &HashMap<Text, NetAssembly>,
) -> Result<HashMap<Text, usize>, EngineError> {
    let mut caches = HashMap::new();
    let Some(product) = &session.installed else { return Ok(caches) };
    if session.reinstall_mode()?.recache_package {
        return Ok(caches);
    }
    let registry = session.machine().registry()?;
    let key_paths: HashMap<_, _> =
        products::components_of(registry, product.code, product.context).into_iter().collect();
    let windows = with_backslash(session.machine().folder(KnownFolder::Windows).as_str());
    for (component, assembly) in assemblies {
        let row = session.package.find::<Component>(component)?;
        let path = row.and_then(|row| row.id).and_then(|id| key_paths.get(&id));
        let beneath = path.and_then(|path| {
            let (start, beneath) = path.split_at_checked(windows.len())?;
            start.eq_ignore_ascii_case(&windows).then_some(beneath)
        });
        if let Some(cache) = beneath.and_then(|path| assembly.cache_of(path)) {
            caches.insert(component.clone(), cache);
        }
    }
    Ok(caches)
}

/// The cache that has an assembly with this name; the usual one when none has it.
fn existing_cache(session: &Session<'_, '_>, assembly: &NetAssembly) -> Result<usize, EngineError> {
    let windows = session.machine().folder(KnownFolder::Windows);
    for (place, cache) in CACHES.iter().enumerate() {
        let folder = windows.join(&assembly.folder(*cache)).map_err(MachineError::from)?;
        if session.machine().metadata(&folder)?.is_some() {
            return Ok(place);
        }
    }
    Ok(USUAL_CACHE)
}

/// The first bytes of a source.
fn beginning(
    session: &Session<'_, '_>,
    sources: &mut Sources,
    source: &Source,
) -> Result<Vec<u8>, EngineError> {
    sources.facts(source).map_err(|error| session.basis.origin.explain(error))?;
    let mut beginning = Beginning(Vec::new());
    let copied = sources.copy(source, &mut beginning);
    copied.map_err(|error| EngineError::SourceAbsent { path: session.package_place(), source: error })?;
    Ok(beginning.0)
}

/// Keeps the first bytes of what is written, and lets the rest go.
struct Beginning(Vec<u8>);

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MOST_LOOKED_AT.saturating_sub(self.0.len());
        self.0.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the files of an assembly that is installed again are: all of them, or those alone that are damaged. An assembly is whole or it
/// is not there, so one that lacks a file is replaced as a whole.
///
/// # Errors
/// When a file's path is wrong.
pub fn reinstall_mode(
    session: &Session<'_, '_>,
    component: &str,
    mode: ReinstallMode,
) -> Result<ReinstallMode, EngineError> {
    let selection = session.selection()?;
    let again = selection.component(component).is_some_and(|state| state.reinstall);
    if !again || mode.files == OverwriteMode::All || !selection.net_assemblies().contains_key(component) {
        return Ok(mode);
    }
    let mut files = OverwriteMode::Missing;
    for file in selection.files_of(component) {
        if session.machine().metadata(&session.file_path(file)?)?.is_none() {
            files = OverwriteMode::All;
        }
    }
    Ok(ReinstallMode { files, ..mode })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembly(parts: &[(&str, &str)]) -> Option<NetAssembly> {
        let row = |(name, value): &(&str, &str)| MsiAssemblyName {
            component: "C".into(),
            name: (*name).into(),
            value: (*value).into(),
        };
        let rows: Vec<_> = parts.iter().map(row).collect();
        NetAssembly::named(&rows.iter().collect::<Vec<_>>(), None)
    }

    const NAME: [(&str, &str); 4] = [
        ("Name", "simple"),
        ("version", "1.0.0.0"),
        ("Culture", "neutral"),
        ("publicKeyToken", "9D1ec8380f483f5a"),
    ];

    #[test]
    fn an_assembly_lies_in_the_cache_of_its_runtime_and_processor() {
        let mut simple = assembly(&NAME).unwrap();
        assert_eq!(simple.place("simple.dll"), None);
        for (runtime, processor, folder) in [
            ("v4.0.30319", ClrProcessor::Any, r"Microsoft.NET\assembly\GAC_MSIL\simple\v4.0_"),
            ("v4.0.30319", ClrProcessor::X86, r"Microsoft.NET\assembly\GAC_32\simple\v4.0_"),
            ("v2.0.50727", ClrProcessor::X64, r"assembly\GAC_64\simple\"),
            ("v2.0.50727", ClrProcessor::Any, r"assembly\GAC_MSIL\simple\"),
            ("v1.1.4322", ClrProcessor::Any, r"assembly\GAC\simple\"),
        ] {
            simple.cache = Some(cache_for(&ClrHeader { runtime: runtime.to_owned(), processor }));
            let path = simple.place("simple.dll").unwrap();
            assert_eq!(path, format!(r"{folder}1.0.0.0__9d1ec8380f483f5a\simple.dll"));
            assert_eq!(simple.cache_of(&path.to_uppercase()), simple.cache);
        }
        assert_eq!(simple.cache_of(r"system32\simple.dll"), None);
        let mut german = assembly(&[&NAME[..2], &[("culture", "de-DE"), NAME[3]]].concat()).unwrap();
        german.cache = Some(USUAL_CACHE);
        assert!(german.place("a").unwrap().contains(r"v4.0_1.0.0.0_de-DE_9d1ec8380f483f5a\"));
    }

    #[test]
    fn a_name_that_lacks_a_part_or_leads_elsewhere_is_none() {
        for missing in [0, 1, 3] {
            let mut parts = NAME.to_vec();
            parts.remove(missing);
            assert_eq!(assembly(&parts), None, "{parts:?}");
        }
        for (part, value) in [
            (0, r"..\..\system32"),
            (0, "a/b"),
            (0, ".."),
            (0, "C:"),
            (1, "1.0/2"),
            (1, ".."),
            (2, r"..\de"),
            (3, "null"),
            (3, r"..\1ec8380f483f5"),
        ] {
            let mut parts = NAME;
            parts[part].1 = value;
            assert_eq!(assembly(&parts), None, "{value}");
        }
    }
}
