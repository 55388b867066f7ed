//! Which .NET a machine has: the property MsiNetAssemblySupport (page `msinetassemblysupport.md`).
//!
//! The page takes the version of the newest `fusion.dll`. The .NET that comes with Wine has none; it registers the version that it
//! stands for where that of Microsoft does (page `how-to-determine-which-versions-are-installed` of .NET Framework).

use reseat_machine::file_version::{self, Version};
use reseat_machine::{Hive, KnownFolder, Machine, RegistryKey, RegistryValue, View};

/// The folders of runtimes beneath that of Windows, each with a folder for each version.
const FOLDERS: [&str; 2] = [r"Microsoft.NET\Framework", r"Microsoft.NET\Framework64"];
const LIBRARY: &str = "fusion.dll";
/// Where runtimes are registered.
const SETUP: &str = r"Software\Microsoft\NET Framework Setup\NDP";
const KEYS: [&str; 4] = [r"v4\Full", "v3.5", "v3.0", "v2.0.50727"];

/// The version of the newest runtime; nothing on a machine without one. What cannot be read is not there.
pub fn version(machine: &Machine) -> Option<Version> {
    let windows = machine.folder(KnownFolder::Windows);
    let folders = FOLDERS.iter().filter_map(|folder| windows.join(folder).ok());
    let runtimes = folders.flat_map(|folder| {
        let entries = machine.read_folder(&folder).unwrap_or_default();
        entries.into_iter().filter_map(move |entry| folder.join(&format!(r"{}\{LIBRARY}", entry.name)).ok())
    });
    let of_library = runtimes.filter_map(|path| {
        let file = machine.metadata(&path).ok()?.and_then(|_| machine.open_file(&path).ok())?;
        Some(file_version::read(&file).ok()??.version)
    });
    of_library.max().or_else(|| registered(machine))
}

fn registered(machine: &Machine) -> Option<Version> {
    let registry = machine.registry().ok()?;
    let versions = [View::Native, View::Wow32].into_iter().flat_map(|view| {
        KEYS.iter().filter_map(move |key| {
            let key = RegistryKey::in_view(Hive::LocalMachine, view, format!(r"{SETUP}\{key}"));
            let value = registry.value(&key, "Version");
            value.as_ref().and_then(RegistryValue::as_text)?.parse().ok()
        })
    });
    versions.max()
}
