//! The MsiAssembly and MsiAssemblyName tables (pages `msiassembly-table.md`, `msiassemblyname-table.md`).

use crate::row::{Text, table_row};

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
