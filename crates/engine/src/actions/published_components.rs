//! PublishComponents and UnpublishComponents (pages `publishcomponents-action.md`, `unpublishcomponents-action.md`,
//! `publishcomponent-table.md`): components that programs find by category and qualifier.
//!
//! A category is a key, a qualifier a value of it: a list with one text for each component, which names its product, feature and
//! component and ends with the data of the row.

use std::collections::BTreeMap;

use reseat_machine::products::registration::descriptor;
use reseat_machine::products::{InstallContext, squeeze};
use reseat_machine::{Hive, RegistryKey, RegistryValue};
use reseat_package::{Component, PublishComponent};
use reseat_script::{RemoveRegistryValue, SetRegistryValue};

use crate::actions::servers::{Fate, fate, fate_of_own};
use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::session::Session;

/// Publishes the components of features that are installed.
pub fn publish_components(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    publish(session, Fate::Comes)
}

/// Takes back the components of features that are removed.
pub fn unpublish_components(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    publish(session, Fate::Goes)
}

/// What becomes of a qualifier.
struct Qualifier {
    key: RegistryKey,
    name: String,
    /// Whether a component of it comes or goes, as the action asks.
    changes: bool,
    /// The texts of this product's components that are there afterwards.
    texts: Vec<String>,
}

fn publish(session: &mut Session<'_, '_>, when: Fate) -> Result<(), EngineError> {
    let package = session.package.clone();
    let mut qualifiers: BTreeMap<(String, String), Qualifier> = BTreeMap::new();
    for row in package.rows::<PublishComponent>()?.iter() {
        let fate = fate(session, &row.feature, &row.component)?;
        let fate = fate_of_own(session, &row.component, fate)?;
        let component = package.find::<Component>(&row.component)?.and_then(|component| component.id);
        let component = component.ok_or_else(|| {
            let reason = format!("the component {} has no code", row.component);
            EngineError::row(
                "PublishComponent",
                &row.qualifier,
                RowFault::Value { column: "Component_", reason },
            )
        })?;
        let category = row.id.to_packed();
        let key = match session.install_context() {
            InstallContext::PerMachine => RegistryKey::new(
                Hive::LocalMachine,
                format!("Software\\Classes\\Installer\\Components\\{category}"),
            ),
            InstallContext::PerUser => RegistryKey::new(
                Hive::CurrentUser,
                format!("Software\\Microsoft\\Installer\\Components\\{category}"),
            ),
        };
        let qualifier = qualifiers.entry((category, row.qualifier.to_lowercase())).or_insert_with(|| {
            Qualifier { key, name: row.qualifier.to_string(), changes: false, texts: Vec::new() }
        });
        qualifier.changes |= fate == when || (fate == Fate::Advertised && when == Fate::Comes);
        if fate > Fate::Goes {
            let data = row.application_data.as_deref().unwrap_or_default();
            let descriptor = descriptor(package.product_code(), &row.feature, component);
            qualifier.texts.push(format!("{descriptor}{data}"));
        }
    }
    for Qualifier { key, name, texts, .. } in qualifiers.into_values().filter(|qualifier| qualifier.changes) {
        session.tell_data(&[&name]);
        change_list(session, key, name, texts)?;
    }
    Ok(())
}

/// Gives a list of descriptors these of this product, beside those of others.
///
/// # Errors
/// When the registry cannot be read.
pub fn change_list(
    session: &mut Session<'_, '_>,
    key: RegistryKey,
    name: String,
    texts: Vec<String>,
) -> Result<(), EngineError> {
    let product = squeeze(session.package.product_code().0);
    let existing = match session.machine().registry()?.value(&key, &name) {
        Some(RegistryValue::MultiString(existing)) => existing,
        _ => Vec::new(),
    };
    let others = existing.into_iter().filter(|text| !text.starts_with(&product));
    let all: Vec<String> = others.chain(texts).collect();
    session.add(if all.is_empty() {
        RemoveRegistryValue { key, name }.into()
    } else {
        SetRegistryValue { key, name, value: RegistryValue::MultiString(all) }.into()
    })
}
