//! Where the assemblies of Windows that all applications share are kept: the folder WinSxS.
//!
//! See the pages `msiassembly-table.md`, `msiassemblyname-table.md` and
//! `installing-win32-assemblies-for-side-by-side-sharing-on-windows-xp.md`, and `publisher-configuration.md` of the
//! documentation of side-by-side assemblies. An assembly is named by its architecture, name, key, version, language and a
//! number that Windows makes in a way that is not published. Nobody looks for that number; it is the one that Wine gives to
//! its own assemblies.

use std::collections::HashMap;

use reseat_machine::{KnownFolder, Machine, WindowsPath};
use reseat_package::{MsiAssemblyName, Package, PackageError, Text, global_assemblies};

/// The folder, beneath that of Windows.
const FOLDER: &str = r"winsxs";
const NUMBER: &str = "deadbeef";

/// An assembly for all applications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideBySide {
    /// Its name among all assemblies.
    name: String,
    version: String,
    is_policy: bool,
    /// The file with its manifest.
    manifest: Option<Text>,
}

impl SideBySide {
    /// The assemblies of a package by their components; of one that is not for all applications or is one of .NET, nothing.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn load(package: &Package) -> Result<HashMap<Text, Self>, PackageError> {
        global_assemblies(package, false, Self::named)
    }

    /// The assembly with these parts of a name; nothing when one is missing or can be none of a file's name.
    fn named(parts: &[&MsiAssemblyName], manifest: Option<Text>) -> Option<Self> {
        let part = |name: &str| {
            let row = parts.iter().find(|row| row.name.eq_ignore_ascii_case(name))?;
            Some(row.value.to_ascii_lowercase()).filter(|value| !value.is_empty())
        };
        let is_policy = part("type").is_some_and(|kind| kind == "win32-policy");
        let language = part("language").filter(|language| !["*", "neutral", "x-ww"].contains(&&**language));
        let [architecture, own, key, version] =
            [part("processorArchitecture")?, part("name")?, part("publicKeyToken")?, part("version")?];
        let name = match is_policy {
            true => {
                let language = language.as_deref().unwrap_or("x-ww");
                format!("{architecture}_{own}_{key}_{language}_{NUMBER}")
            }
            false => {
                let language = language.as_deref().unwrap_or("none");
                format!("{architecture}_{own}_{key}_{version}_{language}_{NUMBER}")
            }
        };
        let is_plain = |text: &str| text.chars().all(|it| it.is_ascii_alphanumeric() || "._- ".contains(it));
        (is_plain(&name) && is_plain(&version)).then_some(Self { name, version, is_policy, manifest })
    }

    /// Where a file of it lies beneath the folder of Windows.
    pub fn place(&self, file: &str, file_name: &str) -> String {
        let Self { name, version, .. } = self;
        let is_manifest = self.manifest.as_deref() == Some(file);
        let is_catalog = file_name.to_ascii_lowercase().ends_with(".cat");
        match (self.is_policy, is_manifest, is_catalog) {
            (false, true, _) => format!(r"{FOLDER}\manifests\{name}.manifest"),
            (false, false, true) => format!(r"{FOLDER}\manifests\{name}.cat"),
            (false, false, false) => format!(r"{FOLDER}\{name}\{file_name}"),
            (true, true, _) => format!(r"{FOLDER}\policies\{name}\{version}.policy"),
            (true, false, true) => format!(r"{FOLDER}\policies\{name}\{version}.cat"),
            (true, false, false) => format!(r"{FOLDER}\policies\{name}\{file_name}"),
        }
    }
}

/// The folder of all assemblies, which no product removes.
pub fn folder(machine: &Machine) -> Option<WindowsPath> {
    machine.folder(KnownFolder::Windows).join(FOLDER).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembly(parts: &[(&str, &str)]) -> Option<SideBySide> {
        let rows: Vec<MsiAssemblyName> = parts
            .iter()
            .map(|(name, value)| MsiAssemblyName {
                component: "C".into(),
                name: (*name).into(),
                value: (*value).into(),
            })
            .collect();
        SideBySide::named(&rows.iter().collect::<Vec<_>>(), Some("M".into()))
    }

    const NAME: [(&str, &str); 5] = [
        ("type", "win32"),
        ("name", "Reseat.Test"),
        ("version", "1.0.0.0"),
        ("publicKeyToken", "1111111111222222"),
        ("processorArchitecture", "X86"),
    ];

    #[test]
    fn an_assembly_lies_in_a_folder_of_its_name_and_its_manifest_beside_all_others() {
        let simple = assembly(&NAME).unwrap();
        let name = "x86_reseat.test_1111111111222222_1.0.0.0_none_deadbeef";
        assert_eq!(simple.place("F", "Test.dll"), format!(r"winsxs\{name}\Test.dll"));
        assert_eq!(simple.place("M", "Test.manifest"), format!(r"winsxs\manifests\{name}.manifest"));
        assert_eq!(simple.place("C", "Test.CAT"), format!(r"winsxs\manifests\{name}.cat"));
        let english = assembly(&[&NAME[..], &[("Language", "en-US")]].concat()).unwrap();
        assert!(english.place("F", "a").contains("_1.0.0.0_en-us_"));
    }

    #[test]
    fn a_policy_lies_where_the_documentation_has_it() {
        let parts = [&[("type", "win32-policy"), ("name", "policy.2.0.Reseat.Test")], &NAME[2..]].concat();
        let policy = assembly(&parts).unwrap();
        assert_eq!(
            policy.place("M", "a.policy"),
            r"winsxs\policies\x86_policy.2.0.reseat.test_1111111111222222_x-ww_deadbeef\1.0.0.0.policy"
        );
    }

    #[test]
    fn a_name_that_lacks_a_part_or_leads_elsewhere_is_none() {
        for missing in 1..NAME.len() {
            let mut parts = NAME.to_vec();
            parts.remove(missing);
            assert_eq!(assembly(&parts), None, "{parts:?}");
        }
        let mut parts = NAME;
        parts[1].1 = r"..\..\system32";
        assert_eq!(assembly(&parts), None);
    }
}
