//! CreateShortcuts and RemoveShortcuts (pages `createshortcuts-action.md`, `removeshortcuts-action.md`,
//! `shortcut-table.md`).

use std::collections::HashMap;
use std::io::Read;

use reseat_machine::{FileKind, KnownFolder, LinkProperty, ShellLink, ShowCommand, TargetFacts, WindowsPath};
use reseat_package::{MsiShortcutProperty, Shortcut, ShortcutTarget, Text};
use reseat_script as script;

use crate::actions::files::NAMES;
use crate::actions::servers::{self, Fate};
use crate::actions::{folders, registration};
use crate::error::EngineError;
use crate::selection::Doing;
use crate::session::{Again, Session};

/// Where shortcuts of all users are, and where those of the user.
const MENUS: [(KnownFolder, KnownFolder); 2] = [
    (KnownFolder::CommonStartMenu, KnownFolder::StartMenu),
    (KnownFolder::CommonDesktop, KnownFolder::Desktop),
];
/// A shortcut has some kilobytes.
const MOST_SHORTCUT: u64 = 1 << 20;

/// Writes the shortcuts of components that are installed.
pub fn create_shortcuts(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let all = package.rows::<MsiShortcutProperty>()?;
    let mut properties_of: HashMap<&str, Vec<&MsiShortcutProperty>> = HashMap::new();
    for row in all.iter() {
        properties_of.entry(&row.shortcut).or_default().push(row);
    }
    for row in package.rows::<Shortcut>()?.iter() {
        let comes = session.selection()?.does(&row.component, Doing::Install)
            && session.writes_again(&row.component, Again::Shortcuts)?;
        let advertises =
            advertised(session, row, Doing::Install)? && session.property("DISABLEADVTSHORTCUTS").is_none();
        if !comes && !advertises {
            continue;
        }
        let path = path(session, row)?;
        let Some(mut link) = link(session, row)? else {
            let why = format!("table Shortcut, row {}: {} is no path", row.shortcut, row.target_text);
            session.warn(1909, &[path.as_str()], &why);
            continue;
        };
        let rows = properties_of.get(&*row.shortcut).map(Vec::as_slice).unwrap_or_default();
        link.properties = properties(session, &path, rows);
        session.tell_data(&[path.as_str()]);
        session.add(script::WriteFile { path, content: link.to_bytes() }.into())?;
    }
    Ok(())
}

/// The properties that a shortcut gets. One that cannot be set is a warning and no failure, and an installer before 5.0 does
/// not know the table (page `msishortcutproperty-table.md`).
fn properties(
    session: &mut Session<'_, '_>,
    path: &WindowsPath,
    rows: &[&MsiShortcutProperty],
) -> Vec<LinkProperty> {
    let mut properties: Vec<LinkProperty> = Vec::new();
    if session.installation.request.platform.installer.major < 5 {
        return properties;
    }
    for row in rows {
        let [name, value] = [&row.property, &row.value].map(|text| session.format(text).text);
        match LinkProperty::parse(&name, &value) {
            Some(known) => {
                properties.retain(|earlier| !earlier.is_same_as(&known));
                properties.push(known);
            }
            None => session.warn(1946, &[&name, path.as_str()], ""),
        }
    }
    properties
}

/// Removes the shortcuts of components that are removed.
pub fn remove_shortcuts(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let mut folders = Vec::new();
    for row in package.rows::<Shortcut>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Remove)
            && !advertised(session, row, Doing::Remove)?
        {
            continue;
        }
        let path = path(session, row)?;
        session.tell_data(&[path.as_str()]);
        let of_user = of_user(session, row, &path)?;
        for path in [Some(path), of_user].into_iter().flatten() {
            folders.extend(path.parent());
            session.add(script::RemoveFile { path }.into())?;
        }
    }
    folders::remove_empty(session, folders)
}

/// The same shortcut in the user's own menu, where Wine puts those of products for all users.
fn of_user(
    session: &Session<'_, '_>,
    row: &Shortcut,
    path: &WindowsPath,
) -> Result<Option<WindowsPath>, EngineError> {
    if !session.is_per_machine() {
        return Ok(None);
    }
    let machine = session.machine();
    let beneath = MENUS.iter().find_map(|(of_all, of_user)| {
        let of_all = machine.folder(*of_all);
        let rest = path.starts_with(&of_all).then(|| path.as_str().get(of_all.as_str().len()..))??;
        machine.folder(*of_user).join(rest.trim_start_matches('\\')).ok()
    });
    let Some(of_user) = beneath.filter(|of_user| of_user != path) else { return Ok(None) };
    let Some(metadata) = machine.metadata(&of_user)? else { return Ok(None) };
    if metadata.kind != FileKind::File || metadata.len > MOST_SHORTCUT {
        return Ok(None);
    }
    // One of the same name that leads elsewhere is the user's own.
    let mut bytes = Vec::new();
    let read = machine.open_file(&of_user)?.take(MOST_SHORTCUT).read_to_end(&mut bytes);
    let found = read.ok().and_then(|_| ShellLink::from_bytes(&bytes).ok());
    let same = found.zip(link(session, row)?).is_some_and(|(found, own)| found.target == own.target);
    Ok(same.then_some(of_user))
}

/// Whether a shortcut leads to a feature that is advertised, or was and goes.
fn advertised(session: &Session<'_, '_>, row: &Shortcut, doing: Doing) -> Result<bool, EngineError> {
    let ShortcutTarget::Feature(feature) = row.target() else { return Ok(false) };
    Ok(match (servers::fate(session, feature, &row.component)?, doing) {
        (fate, Doing::Install) => fate == Fate::Advertised,
        (fate, Doing::Remove) => fate == Fate::Goes,
    })
}

/// The path of a shortcut.
pub fn path(session: &Session<'_, '_>, row: &Shortcut) -> Result<WindowsPath, EngineError> {
    let folder = session.directory_path("Shortcut", &row.shortcut, &row.directory)?;
    let mut name = row.name.name(NAMES).to_owned();
    if !name.to_ascii_lowercase().ends_with(".lnk") {
        name.push_str(".lnk");
    }
    session.windows_path("Shortcut", &row.shortcut, &format!("{folder}\\{name}"))
}

/// The shortcut that a row describes; nothing when its target is no path, as when a property in it is not set.
fn link(session: &Session<'_, '_>, row: &Shortcut) -> Result<Option<ShellLink>, EngineError> {
    let text = |text: &Option<Text>| {
        text.as_deref().map(|text| session.format(text).text).filter(|text| !text.is_empty())
    };
    let target = match row.target() {
        ShortcutTarget::Path(text) => session.format(text).text,
        // Also when the feature is only advertised: that is where it will be.
        ShortcutTarget::Feature(_) => session.selection()?.key_path_file(&row.component).unwrap_or_default(),
    };
    let Ok(target) = WindowsPath::parse(target.trim_end_matches('\\')) else { return Ok(None) };
    let metadata = session.machine().metadata(&target)?;
    let is_folder = metadata.is_some_and(|metadata| metadata.kind == FileKind::Folder)
        || session.selection()?.is_directory(target.as_str());
    let working_directory =
        row.working_directory.as_deref().and_then(|directory| session.directory(directory));
    let icon = match &row.icon {
        None => None,
        Some(icon) => {
            Some((registration::icon_path(session, icon)?.to_string(), row.icon_index.unwrap_or(0)))
        }
    };
    let descriptor = match row.target() {
        ShortcutTarget::Feature(feature) if advertised(session, row, Doing::Install)? => {
            servers::descriptor(session, feature, &row.component)?
        }
        _ => None,
    };
    Ok(Some(ShellLink {
        target,
        target_facts: TargetFacts { is_folder, ..TargetFacts::default() },
        description: text(&row.description),
        working_directory: working_directory.map(|folder| folder.trim_end_matches('\\').to_owned()),
        arguments: text(&row.arguments),
        icon,
        hotkey: u16::try_from(row.hotkey.unwrap_or(0)).unwrap_or(0),
        show: ShowCommand::from_number(row.show_command.unwrap_or(1).unsigned_abs()),
        descriptor,
        properties: Vec::new(),
    }))
}
