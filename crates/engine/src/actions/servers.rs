//! What the registrations of classes, extensions, ProgIds and MIME types have in common: whether a row's server comes, goes
//! or stays, and registry entries that are written with it and taken back with it.
//!
//! A server is registered with its feature (pages `registerclassinfo-action.md`, `registerextensioninfo-action.md` and their
//! sisters) where its component is installed, so that the path that is written leads to something. It is
//! unregistered with its feature, but not when its component stays because another product uses it.
//! What is advertised has a descriptor in the place of a path: a list of texts that names product, feature and component (page
//! `platform-support-of-advertisement.md`). What is installed has its path; a descriptor from before stays beside it.

use std::collections::HashSet;

use reseat_machine::products;
use reseat_machine::{ClassesOf, Hive, RegistryKey, RegistryValue, View};
use reseat_package::{Component, InstallState, Text};
use reseat_script::{CreateRegistryKey, RemoveRegistryKey, RemoveRegistryValue, SetRegistryValue};

use crate::actions::registration;
use crate::error::EngineError;
use crate::session::Session;

/// What becomes of a server. Of several that share an entry, the greatest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is not there and does not come.
    Absent,
    /// It goes.
    Goes,
    /// It is there and stays as it is.
    Stays,
    /// It is made known, and is installed when somebody asks for it.
    Advertised,
    /// It is registered, for the first time or again.
    Comes,
}

/// A registry entry.
pub struct Entry {
    key: RegistryKey,
    /// A name and its value; nothing for the key alone.
    value: Option<(String, RegistryValue)>,
    /// Whether others write the same entry: it is taken back only while it has our value.
    contested: bool,
}

impl Entry {
    /// A text that is ours alone.
    pub fn text(key: &RegistryKey, name: &str, text: impl Into<String>) -> Self {
        let value = Some((name.to_owned(), RegistryValue::String(text.into())));
        Self { key: key.clone(), value, contested: false }
    }

    /// A text that others may replace by theirs.
    pub fn contested(key: &RegistryKey, name: &str, text: impl Into<String>) -> Self {
        Self { contested: true, ..Self::text(key, name, text) }
    }

    /// The descriptor of an advertised server, with what is behind it.
    pub fn descriptor(key: &RegistryKey, name: &str, text: String) -> Self {
        let value = Some((name.to_owned(), RegistryValue::MultiString(vec![text])));
        Self { key: key.clone(), value, contested: false }
    }

    /// A key that may stay empty.
    pub fn key(key: &RegistryKey) -> Self {
        Self { key: key.clone(), value: None, contested: false }
    }
}

/// A row with its entries.
pub struct Server {
    /// What messages call it.
    pub label: String,
    /// What becomes of it.
    pub fate: Fate,
    /// What is in the registry while it is there.
    pub entries: Vec<Entry>,
}

/// What becomes of the server in a component that a feature provides; an assembly of Windows registers its servers in its
/// manifest.
pub fn fate(session: &Session<'_, '_>, feature: &str, component: &str) -> Result<Fate, EngineError> {
    match session.selection()?.is_side_by_side(component) {
        true => Ok(Fate::Absent),
        false => fate_of_component(session, feature, component),
    }
}

/// What becomes of a component that a feature provides.
pub fn fate_of_component(
    session: &Session<'_, '_>,
    feature: &str,
    component: &str,
) -> Result<Fate, EngineError> {
    let selection = session.selection()?;
    let (Some(feature), Some(component)) = (selection.feature(feature), selection.component(component))
    else {
        return Ok(Fate::Absent);
    };
    if feature.action == InstallState::Advertised {
        let row = session.package.find::<Component>(&component.component)?;
        let condition = row.and_then(|row| row.condition.clone()).unwrap_or_default();
        let enabled = session.holds("Component", &component.component, &condition)?;
        return Ok(if enabled { Fate::Advertised } else { Fate::Absent });
    }
    if feature.installed == InstallState::Advertised && !feature.action.is_present() {
        return Ok(if feature.action == InstallState::Absent { Fate::Goes } else { Fate::Stays });
    }
    let outcome = component.outcome().is_present();
    let component_stays = component.requested == InstallState::Absent && component.limit.is_some();
    Ok(if feature.action.is_present() && outcome {
        Fate::Comes
    } else if feature.action == InstallState::Absent && component.installed.is_present() {
        if component_stays { Fate::Stays } else { Fate::Goes }
    } else if feature.outcome().is_present() && outcome {
        Fate::Stays
    } else {
        Fate::Absent
    })
}

/// What becomes of what names this product and a component with that fate: it goes with the product, also when the
/// component stays for others.
pub fn fate_of_own(session: &Session<'_, '_>, component: &str, fate: Fate) -> Result<Fate, EngineError> {
    let state = session.selection()?.component(component);
    let leaves = state.is_some_and(|it| it.requested == InstallState::Absent && it.installed.is_present());
    Ok(if fate == Fate::Stays && leaves { Fate::Goes } else { fate })
}

/// The descriptor of a component that a feature provides; nothing for a component without a code, which cannot be named.
pub fn descriptor(
    session: &Session<'_, '_>,
    feature: &str,
    component: &str,
) -> Result<Option<String>, EngineError> {
    let row = session.package.find::<Component>(component)?;
    let code = session.package.product_code();
    Ok(row.and_then(|row| row.id).map(|id| products::registration::descriptor(code, feature, id)))
}

/// A key of the classes, in the view of a component.
pub fn classes_key(
    session: &Session<'_, '_>,
    component: &str,
    path: &str,
) -> Result<RegistryKey, EngineError> {
    let view = if session.selection()?.is_64_bit(component) { View::Native } else { View::Wow32 };
    let whose = if session.is_per_machine() { ClassesOf::Machine } else { ClassesOf::User };
    Ok(RegistryKey::in_view(Hive::ClassesRoot, view, path).in_classes_of(whose))
}

/// The value of a DefaultIcon key; nothing without an icon.
pub fn default_icon(
    session: &Session<'_, '_>,
    icon: Option<&Text>,
    index: Option<i32>,
) -> Result<Option<String>, EngineError> {
    let Some(icon) = icon else { return Ok(None) };
    let path = registration::icon_path(session, icon)?;
    Ok(Some(index.map_or_else(|| path.to_string(), |index| format!("{path},{index}"))))
}

/// Writes the entries of servers that come.
pub fn register(session: &mut Session<'_, '_>, servers: Vec<Server>) -> Result<(), EngineError> {
    for server in servers.into_iter().filter(|server| server.fate >= Fate::Advertised) {
        session.tell_data(&[&server.label]);
        for Entry { key, value, .. } in server.entries {
            session.add(match value {
                Some((name, value)) => SetRegistryValue { key, name, value }.into(),
                None => CreateRegistryKey { key }.into(),
            })?;
        }
    }
    Ok(())
}

/// Takes back the entries of servers that go, but for those that others keep.
pub fn unregister(session: &mut Session<'_, '_>, servers: Vec<Server>) -> Result<(), EngineError> {
    let (going, others): (Vec<Server>, Vec<Server>) =
        servers.into_iter().partition(|server| server.fate == Fate::Goes);
    let name_of = |entry: &Entry| entry.value.as_ref().map(|(name, _)| name.to_lowercase());
    let kept: HashSet<(RegistryKey, Option<String>)> = others
        .iter()
        .filter(|server| server.fate > Fate::Goes)
        .flat_map(|server| &server.entries)
        .map(|entry| (entry.key.clone(), name_of(entry)))
        .collect();
    for server in going {
        session.tell_data(&[&server.label]);
        for entry in server.entries {
            if kept.contains(&(entry.key.clone(), name_of(&entry))) {
                continue;
            }
            let registry = session.machine().registry()?;
            let key = entry.key;
            let operation = match entry.value {
                Some((name, value)) => {
                    if entry.contested && registry.value(&key, &name).is_some_and(|now| now != value) {
                        continue;
                    }
                    RemoveRegistryValue { key, name }.into()
                }
                // A key that was made without values; one that others have filled stays.
                None if registry.values(&key).is_empty() && registry.sub_keys(&key).is_empty() => {
                    RemoveRegistryKey { key }.into()
                }
                None => continue,
            };
            session.add(operation)?;
        }
    }
    Ok(())
}
