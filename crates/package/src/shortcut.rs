//! The Shortcut, Icon and MsiShortcutProperty tables (pages `shortcut-table.md`, `icon-table.md`,
//! `msishortcutproperty-table.md`).

use crate::file_name::FileName;
use crate::row::{HasStream, Text, table_row};

table_row! {
    /// A shortcut.
    Shortcut = "Shortcut" {
        /// Its key.
        shortcut: Text = "Shortcut",
        /// The folder that it lies in, a key of the Directory table.
        directory: Text = "Directory_",
        /// Its name, without the extension.
        name: FileName = "Name",
        /// The component that decides whether it is made.
        component: Text = "Component_",
        /// What it opens; [`Shortcut::target`] tells the two kinds apart.
        target_text: Text = "Target",
        /// The arguments, Formatted.
        arguments: Option<Text> = "Arguments",
        /// Its description.
        description: Option<Text> = "Description",
        /// Its hot key: the key in the low byte, modifiers in the high one.
        hotkey: Option<i32> = "Hotkey",
        /// Its icon.
        icon: Option<Text> = "Icon_",
        /// Which image of the icon.
        icon_index: Option<i32> = "IconIndex",
        /// How the window is shown: 1 normal, 3 maximized, 7 minimized.
        show_command: Option<i32> = "ShowCmd",
        /// The property that holds the working folder.
        working_directory: Option<Text> = "WkDir",
        /// The Formatted path of the display text's resource library.
        display_library: Option<Text> = "DisplayResourceDLL",
        /// The display text's index there.
        display_id: Option<i32> = "DisplayResourceId",
        /// The Formatted path of the description's resource library.
        description_library: Option<Text> = "DescriptionResourceDLL",
        /// The description's index there.
        description_id: Option<i32> = "DescriptionResourceId",
    }
}

/// What a shortcut opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortcutTarget<'s> {
    /// A Formatted path.
    Path(&'s str),
    /// A feature; the shortcut is advertised and opens the component's key file.
    Feature(&'s str),
}

impl Shortcut {
    /// What the shortcut opens: a path when the column holds a reference in brackets, else a feature.
    pub fn target(&self) -> ShortcutTarget<'_> {
        if self.target_text.contains('[') {
            ShortcutTarget::Path(&self.target_text)
        } else {
            ShortcutTarget::Feature(&self.target_text)
        }
    }
}

table_row! {
    /// A file with icons.
    Icon = "Icon" {
        /// Its name.
        name: Text = "Name",
        /// The file; its stream is `Icon.` and the name.
        data: HasStream = "Data",
    }
}

table_row! {
    /// A property of a shortcut for the shell.
    MsiShortcutProperty = "MsiShortcutProperty" {
        /// The row's key.
        key: Text = "MsiShortcutProperty",
        /// The shortcut.
        shortcut: Text = "Shortcut_",
        /// Its canonical name, Formatted.
        property: Text = "PropertyKey",
        /// Its value, Formatted.
        value: Text = "PropVariantValue",
    }
}
