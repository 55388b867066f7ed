//! FindRelatedProducts, MigrateFeatureStates and RemoveExistingProducts (pages `findrelatedproducts-action.md`,
//! `migratefeaturestates-action.md`, `removeexistingproducts-action.md`, `upgrade-table.md`).

use reseat_database::ProductCode;
use reseat_machine::products::{self, InstalledProduct};
use reseat_package::{ProductVersion, Upgrade, UpgradeAttributes};

use crate::actions::{costing, execute};
use crate::error::EngineError;
use crate::error_message::with_causes;
use crate::installation;
use crate::log::service;
use crate::plan::ReplacedProduct;
use crate::row_fault::RowFault;
use crate::session::Session;
use crate::suspension::RESUME;

/// Puts the codes of related products into the properties that the Upgrade table names.
pub fn find_related_products(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.is_installed() {
        return Ok(());
    }
    for (row, product) in related(session)? {
        let mut codes: Vec<&str> = session
            .property(&row.property)
            .unwrap_or_default()
            .split(';')
            .filter(|code| !code.is_empty())
            .collect();
        let code = product.code.to_string();
        if codes.contains(&code.as_str()) {
            continue;
        }
        codes.push(&code);
        let codes = codes.join(";");
        session.set_property(&row.property, &codes);
        session.tell_data(&[&product.name, product.version.as_deref().unwrap_or_default()]);
    }
    Ok(())
}

/// Asks for the features of products that are about to be replaced, where the Upgrade table wants that.
pub fn migrate_feature_states(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.is_installed() || session.property("Preselected").is_some() {
        return Ok(());
    }
    for (row, product) in related(session)? {
        if row.attributes.has(UpgradeAttributes::MIGRATE_FEATURES) {
            session.tell_data(&[&product.name]);
            session.migrated_features.extend(session.feature_states_of(&product));
        }
    }
    costing::decide(session)
}

/// Removes the products that the properties of the Upgrade table name, each in a session of its own.
pub fn remove_existing_products(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    // One that goes on after a restart has been registered, and has not removed the others yet.
    if session.is_installed() && session.property(RESUME).is_none() {
        return Ok(());
    }
    // What this product has to do first, it does before an older one goes.
    if session.in_script {
        execute::install_execute(session)?;
    }
    let package = session.package.clone();
    for row in package.rows::<Upgrade>()?.iter() {
        if row.attributes.has(UpgradeAttributes::ONLY_DETECT) {
            continue;
        }
        let codes = session.property(&row.property).unwrap_or_default().to_owned();
        for code in codes.split(';').filter(|code| !code.is_empty()) {
            let product: ProductCode = code.parse().map_err(|_| {
                let reason = format!("the property holds '{code}', which is no product code");
                EngineError::row(
                    "Upgrade",
                    &row.property,
                    RowFault::Value { column: "ActionProperty", reason },
                )
            })?;
            // It may be gone already: two rows can find the same product.
            let Some(installed) = products::product(session.machine().registry()?, product) else { continue };
            let features = match &row.remove {
                Some(features) => session.format(features).text,
                None => "ALL".to_owned(),
            };
            session.tell_data(&[&installed.name]);
            if let Some(plan) = &mut session.installation.plan {
                plan.replaces(ReplacedProduct {
                    product: installed.code.to_string(),
                    name: installed.name.clone(),
                    version: installed.version.clone().unwrap_or_default(),
                });
            }
            let begun = execute::operations(session);
            let result = installation::remove_for_upgrade(session, &installed, &features);
            if let Err(error) = result {
                let ignored = row.attributes.has(UpgradeAttributes::IGNORE_REMOVE_FAILURE);
                if !ignored || !execute::undo_failed(session, begun)? {
                    return Err(error);
                }
                session.warn(
                    1714,
                    &[&installed.name, &error.code().to_string()],
                    &with_causes(error.to_string(), &error),
                );
            }
        }
    }
    Ok(())
}

/// The rows of the Upgrade table with the installed products that match them.
fn related(session: &Session<'_, '_>) -> Result<Vec<(Upgrade, InstalledProduct)>, EngineError> {
    let own = session.package.product_code();
    let registry = session.machine().registry()?;
    let mut related = Vec::new();
    for row in session.package.rows::<Upgrade>()?.iter() {
        for code in products::related_products(registry, row.code) {
            let Some(product) = products::product(registry, code) else { continue };
            let version = product.version.as_deref().map(str::parse::<ProductVersion>);
            let Some(Ok(version)) = version else {
                service!("The version {:?} of {code} matches nothing", product.version);
                continue;
            };
            let language = product.language.and_then(|language| u16::try_from(language).ok()).unwrap_or(0);
            if code != own && row.matches(version, language) {
                related.push((row.clone(), product));
            }
        }
    }
    Ok(related)
}
