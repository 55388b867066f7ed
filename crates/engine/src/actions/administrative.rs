//! Administrative installation: a source image of the product, to be installed from (pages `administrative-installation.md`,
//! `installadminpackage-action.md`, `adminproperties.md`, `word-count-summary.md`).
//!
//! Every feature is copied but those whose level is 0 in the Feature table, whatever the conditions of this machine: others
//! will install from the image. Its folders are those in which an installation looks for loose files.

use std::time::SystemTime;

use reseat_database::summary::id;
use reseat_database::{Database, FileTime, PropertyValue, SummaryInformation, Table, Value};
use reseat_package::feature_state::{InstalledStates, Requests, SelectionInput, States, select};
use reseat_package::{
    Component, ComponentAttributes, Feature, FeatureAttributes, FeatureComponent, FileAttributes, FileRow,
    InstallState, Media, NameForm, Package, PackageError, with_backslash,
};

use crate::actions::registration::keep_file;
use crate::error::EngineError;
use crate::log::service;
use crate::request::TopLevel;
use crate::session::Session;

/// The stream that holds the values of the properties that AdminProperties lists. Its layout is not documented; here it is
/// written as a command line would have them, in UTF-16.
const SAVED: &str = "AdminProperties";

const DISABLE_MEDIA: &str = "DISABLEMEDIA";

/// Bits of the word count: short names, and that the source is an administrative image.
const SHORT_NAMES: i32 = 1;
const ADMINISTRATIVE: i32 = 4;
/// The bit of the word count that the image takes over: no elevation is needed.
const NO_ELEVATION: i32 = 8;

/// The form of the names in the image: short ones where SHORTFILENAMES asks for them, or the image that is patched has them.
pub fn names(session: &Session<'_, '_>) -> NameForm {
    let summary = session.package.summary();
    let has_short = summary.is_administrative() && summary.has_short_names();
    match session.property("SHORTFILENAMES").is_some() || has_short {
        true => NameForm::Short,
        false => NameForm::Long,
    }
}

/// The folder of the image.
pub fn folder(session: &Session<'_, '_>) -> String {
    let named = ["TARGETDIR", "ROOTDRIVE"].iter().find_map(|name| session.property(name));
    with_backslash(named.unwrap_or_default())
}

/// The states of an administrative installation.
///
/// # Errors
/// When a table is wrong.
pub fn states(session: &Session<'_, '_>) -> Result<States, EngineError> {
    let package = &session.package;
    let mut features = package.rows::<Feature>()?.to_vec();
    for feature in &mut features {
        feature.attributes = FeatureAttributes::default();
    }
    let mut components = package.rows::<Component>()?.to_vec();
    for component in &mut components {
        component.condition = None;
        component.attributes = ComponentAttributes::default();
    }
    let input = SelectionInput {
        features: &features,
        conditions: &[],
        components: &components,
        feature_components: &package.rows::<FeatureComponent>()?,
        files: &package.rows::<FileRow>()?,
        requests: &Requests::from_properties(|name| (name == "ADDLOCAL").then_some("ALL")),
        install_level: i32::MAX,
        context: &session.context(),
        installed: &NothingInstalled,
    };
    select(&input).map_err(|error| EngineError::PackageInvalid {
        package: session.package_path.clone(),
        source: error.into(),
    })
}

/// An image does not depend on what is installed.
struct NothingInstalled;

impl InstalledStates for NothingInstalled {
    fn product(&self) -> bool {
        false
    }
    fn feature(&self, _: &str) -> InstallState {
        InstallState::Absent
    }
    fn component(&self, _: &Component) -> InstallState {
        InstallState::Absent
    }
    fn has_other_clients(&self, _: &Component) -> bool {
        false
    }
    fn key_path_exists(&self, _: &Component) -> bool {
        false
    }
}

/// Copies the package, made one of loose files, to the root of the image.
pub fn install_admin_package(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.top_level != TopLevel::Admin {
        service!("InstallAdminPackage has nothing to do: this is no administrative installation");
        return Ok(());
    }
    let image = image(session)?;
    let file = tempfile::Builder::new().prefix("reseat-").suffix(".msi").tempfile();
    let file = file.map_err(|source| EngineError::TemporaryPackage { source })?.into_temp_path();
    image.save(&file)?;
    let name = session.basis.origin.package_name.clone();
    let path = format!("{}{name}", folder(session));
    let path = session.windows_path("Property", "TARGETDIR", &path)?;
    session.tell_file(&path, None);
    keep_file(session, &file, path)?;
    session.image = Some(file);
    Ok(())
}

/// The package as it is in the image.
fn image(session: &Session<'_, '_>) -> Result<Database, EngineError> {
    let package = &session.package;
    let mut database = package.database().clone();
    for medium in package.rows::<Media>()?.iter() {
        if let Some(stream) = medium.cabinet_name.as_ref().and_then(|name| name.strip_prefix('#')) {
            database.drop_stream(stream);
        }
    }
    edit(&mut database, "File", "Attributes", |_, value| {
        const SOURCE: i32 =
            FileAttributes::COMPRESSED.0 | FileAttributes::NON_COMPRESSED.0 | FileAttributes::PATCH_ADDED.0;
        match value.as_integer() {
            Some(bits) if bits & SOURCE != 0 => Value::from(bits & !SOURCE),
            _ => value.clone(),
        }
    })?;
    forget_patches(session, &mut database)?;
    database.set_summary(summary(session));
    let saved = saved_text(session);
    match saved.is_empty() {
        true => database.drop_stream(SAVED),
        false => database.put_stream(SAVED, saved.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    }
    Ok(database)
}

/// The image is the same as one that was made of a package with the update (page
/// `applying-small-updates-by-patching-an-administrative-image.md`): nothing is left for a patch to bring.
fn forget_patches(session: &Session<'_, '_>, database: &mut Database) -> Result<(), EngineError> {
    let disks: Vec<i32> =
        session.basis.patching.patches.iter().flat_map(|patch| patch.disks.iter().copied()).collect();
    for column in ["Cabinet", "Source"] {
        edit(database, "Media", column, |disk, value| match disk {
            Value::Integer(number) if disks.contains(number) => Value::Null,
            _ => value.clone(),
        })?;
    }
    for name in ["PatchPackage", "Patch", "MsiPatchHeaders"] {
        if let Some(table) = database.table(name)?.filter(|_| !disks.is_empty()) {
            database.put_table(Table::new(name, table.columns().to_vec()));
        }
    }
    Ok(())
}

/// Changes one column of a table; the function sees the first column and the value.
fn edit(
    database: &mut Database,
    name: &'static str,
    column: &str,
    change: impl Fn(&Value, &Value) -> Value,
) -> Result<(), EngineError> {
    let Some(table) = database.table(name)? else { return Ok(()) };
    let Some(place) = table.position(column) else { return Ok(()) };
    let mut changed = Table::new(name, table.columns().to_vec());
    for row in table.rows() {
        let mut values = row.values().to_vec();
        let first = values.first().cloned().unwrap_or_default();
        if let Some(value) = values.get_mut(place) {
            *value = change(&first, value);
        }
        changed.push(values);
    }
    database.put_table(changed);
    Ok(())
}

fn summary(session: &Session<'_, '_>) -> SummaryInformation {
    let mut summary = session.package.summary().clone();
    let short = if names(session) == NameForm::Short { SHORT_NAMES } else { 0 };
    let kind = (summary.word_count() & NO_ELEVATION) | ADMINISTRATIVE | short;
    summary.set(id::WORD_COUNT, PropertyValue::Long(kind));
    // The pages `last-saved-by-summary.md`, `last-printed-summary.md`.
    summary.set_text(id::LAST_SAVED_BY, session.property("LogonUser").unwrap_or_default());
    summary.set(id::LAST_PRINTED, PropertyValue::Time(FileTime::from(SystemTime::now())));
    // What a patch says of the image that it changes (page `patchnewpackagecode.md`).
    for (property, number) in [
        ("PATCHNEWPACKAGECODE", id::REVISION_NUMBER),
        ("PATCHNEWSUMMARYCOMMENTS", id::COMMENTS),
        ("PATCHNEWSUMMARYSUBJECT", id::SUBJECT),
    ] {
        if let Some(text) = session.property(property) {
            summary.set_text(number, text);
        }
    }
    summary
}

/// The properties that AdminProperties lists, as they are now.
fn saved_text(session: &Session<'_, '_>) -> String {
    let listed = session.property("AdminProperties").unwrap_or_default();
    let names = listed.split(';').map(str::trim).filter(|name| !name.is_empty());
    // Who installs from the image is kept from disks where the package is of the first installer (page
    // `msinodisablemedia.md`).
    let may_disable_media = session.property("MSINODISABLEMEDIA").is_none();
    let disables_media = may_disable_media && session.package.minimum_installer().is_some_and(|it| it < 150);
    let names = names.filter(|name| *name != DISABLE_MEDIA || (may_disable_media && !disables_media));
    let assigned = names.filter_map(|name| {
        let value = session.property(name)?.replace('"', "\"\"");
        Some(format!("{name}=\"{value}\""))
    });
    let own = disables_media.then(|| format!("{DISABLE_MEDIA}=\"1\""));
    assigned.chain(own).collect::<Vec<_>>().join(" ")
}

/// The properties that an administrative installation has saved in the package, which take the place of those of the
/// Property table (page `order-of-property-precedence.md`).
///
/// # Errors
/// When the package cannot be read.
pub fn saved_properties(package: &Package) -> Result<Vec<(String, String)>, EngineError> {
    if !package.summary().is_administrative() {
        return Ok(Vec::new());
    }
    let Some(stream) = package.database().stream(SAVED)? else { return Ok(Vec::new()) };
    let bytes = stream.to_bytes().map_err(|error| PackageError::Database(error.into()))?;
    let units: Vec<u16> =
        bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(u16::from_le_bytes)).collect();
    Ok(read_saved(&String::from_utf16_lossy(&units)))
}

/// Reads `NAME="VALUE" NAME="VALUE"`; a quotation mark in a value is doubled. What is not of this form is left out.
fn read_saved(text: &str) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut characters = after.char_indices().peekable();
        let mut end = after.len();
        while let Some((place, character)) = characters.next() {
            if character != '"' {
                value.push(character);
            } else if characters.next_if(|(_, next)| *next == '"').is_some() {
                value.push('"');
            } else {
                end = place + 1;
                break;
            }
        }
        properties.push((name.trim().to_owned(), value));
        rest = after.get(end..).unwrap_or_default();
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_properties_are_read_as_they_were_written() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let cases = [
            ("", vec![]),
            ("A=\"1\"", vec![pair("A", "1")]),
            (
                "COMPANY=\"a \"\"b\"\" c\" Empty=\"\" P=\"x=\"\"y\"",
                vec![pair("COMPANY", "a \"b\" c"), pair("Empty", ""), pair("P", "x=\"y")],
            ),
            ("A=\"open", vec![pair("A", "open")]),
            ("A=1 junk", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(read_saved(text), expected, "{text}");
        }
    }
}
