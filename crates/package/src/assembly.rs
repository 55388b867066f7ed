//! The MsiAssembly and MsiAssemblyName tables (pages `msiassembly-table.md`, `msiassemblyname-table.md`).

use std::collections::HashMap;

use crate::row::{Text, table_row};
use crate::{Package, PackageError};

table_row! {
    /// An assembly.
    MsiAssembly = "MsiAssembly" {
        /// The component.
        component: Text = "Component_",
        /// The feature.
        feature: Text = "Feature_",
        /// The file with its manifest.
        manifest: Option<Text> = "File_Manifest",
        /// The application that it is private to; nothing when it is global.
        application: Option<Text> = "File_Application",
        /// 0 for .NET, 1 for Win32.
        attributes: Option<i32> = "Attributes",
    }
}

/// Bit of the column Attributes: the assembly is one of Windows, not of .NET.
const WIN32: i32 = 1;

impl MsiAssembly {
    /// Whether it is an assembly of .NET, not of Windows.
    pub fn is_net(&self) -> bool {
        self.attributes.unwrap_or(0) & WIN32 == 0
    }

    /// Whether all applications share it.
    pub fn is_global(&self) -> bool {
        self.application.is_none()
    }
}

table_row! {
    /// A part of an assembly's name.
    MsiAssemblyName = "MsiAssemblyName" {
        /// The component.
        component: Text = "Component_",
        /// The part: `name`, `version`, `culture`, `publicKeyToken` and the like.
        name: Text = "Name",
        /// Its value.
        value: Text = "Value",
    }
}

/// The assemblies that all applications share, by their components: those of .NET or those of Windows, as `named` makes them of
/// the parts of the name and the file with the manifest. Where it makes nothing, there is none.
///
/// # Errors
/// When a table cannot be read.
pub fn global_assemblies<T>(
    package: &Package,
    of_net: bool,
    named: impl Fn(&[&MsiAssemblyName], Option<Text>) -> Option<T>,
) -> Result<HashMap<Text, T>, PackageError> {
    let rows = package.rows::<MsiAssembly>()?;
    let names = package.rows::<MsiAssemblyName>()?;
    let names = names.group_by(|row| &row.component);
    let shared = rows.iter().filter(|row| row.is_global() && row.is_net() == of_net);
    Ok(shared
        .filter_map(|row| {
            let parts = names.get(&*row.component).map(Vec::as_slice).unwrap_or_default();
            Some((row.component.clone(), named(parts, row.manifest.clone())?))
        })
        .collect())
}
