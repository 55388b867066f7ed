//! RegisterFonts and UnregisterFonts (pages `registerfonts-action.md`, `unregisterfonts-action.md`, `font-table.md`).

use std::collections::{BTreeSet, HashMap};

use reseat_machine::{Hive, KnownFolder, RegistryKey, WindowsPath};
use reseat_package::Font;
use reseat_script::{RegisterFont, RemoveRegistryValue};

use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::Session;

/// The fonts of the machine, also those of 32-bit packages.
const FONTS: &str = "Software\\Microsoft\\Windows NT\\CurrentVersion\\Fonts";

/// Registers the fonts of components that are installed.
pub fn register_fonts(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for (path, title) in fonts(session, Doing::Install)? {
        session.tell_data(&[path.as_str()]);
        let data = data(session, &path);
        let key = RegistryKey::new(Hive::LocalMachine, FONTS);
        session.add(RegisterFont { key, path, title, data }.into())?;
    }
    Ok(())
}

/// Takes back every title that leads to a font of a component that is removed.
pub fn unregister_fonts(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let key = RegistryKey::new(Hive::LocalMachine, FONTS);
    let registered = session.machine().registry()?.values(&key);
    let mut titles: HashMap<String, Vec<&String>> = HashMap::new();
    for (title, value) in &registered {
        if let Some(text) = value.as_text() {
            titles.entry(text.to_ascii_lowercase()).or_default().push(title);
        }
    }
    for (path, _) in fonts(session, Doing::Remove)? {
        session.tell_data(&[path.as_str()]);
        let data = data(session, &path);
        let texts = BTreeSet::from([data.to_ascii_lowercase(), path.as_str().to_ascii_lowercase()]);
        for name in texts.iter().filter_map(|text| titles.get(text)).flatten() {
            session.add(RemoveRegistryValue { key: key.clone(), name: (*name).clone() }.into())?;
        }
    }
    Ok(())
}

fn fonts(session: &Session<'_, '_>, doing: Doing) -> Result<Vec<(WindowsPath, Option<String>)>, EngineError> {
    let selection = session.selection()?;
    let mut fonts = Vec::new();
    for row in session.package.rows::<Font>()?.iter() {
        let file = selection.file(&row.file).ok_or_else(|| {
            EngineError::row("Font", &row.file, RowFault::NoFile { file: row.file.to_string() })
        })?;
        if selection.does(&file.row.component, doing) {
            fonts.push((session.file_path(file)?, row.title.as_deref().map(str::to_owned)));
        }
    }
    Ok(fonts)
}

/// A font in the folder of fonts is found by its name.
fn data(session: &Session<'_, '_>, path: &WindowsPath) -> String {
    match path.file_name() {
        Some(name) if path.parent() == Some(session.machine().folder(KnownFolder::Fonts)) => name.to_owned(),
        _ => path.to_string(),
    }
}
