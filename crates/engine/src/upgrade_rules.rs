//! What small updates and minor upgrades may not change, where that is enforced (pages
//! `msienforceupgradecomponentrules.md`, `enforceupgradecomponentrules.md`).

use std::collections::{BTreeMap, HashSet};

use reseat_database::ComponentId;
use reseat_machine::Hive;
use reseat_package::{Component, ComponentAttributes, Feature, FeatureComponent, InstallState, Package};

use crate::error::EngineError;
use crate::notice::Notice;
use crate::policy;
use crate::request::TopLevel;
use crate::session::Session;
use crate::subject::Subject;

const ENFORCED: &str = "MSIENFORCEUPGRADECOMPONENTRULES";

/// Ends an update of an installed product that takes a component from a feature, or puts a new feature above one that was
/// there.
///
/// # Errors
/// When it does, or the package as it was kept cannot be read.
pub fn check(session: &Session<'_, '_>) -> Result<(), EngineError> {
    let Some(product) = &session.installed else { return Ok(()) };
    let is_patched = session.basis.patching.patches.iter().any(|patch| patch.is_new);
    let updates = is_patched || session.package.package_code() != product.package_code;
    if !updates
        || session.top_level != TopLevel::Install
        || session.removes_product()
        || !is_enforced(session)?
    {
        return Ok(());
    }
    let old = Subject::installed(session.machine(), product.clone())?.package;
    let uninstalls = session.property("MSIUNINSTALLSUPERSEDEDCOMPONENTS") == Some("1");
    compare(&old, &session.package, uninstalls)
}

/// Warns of installed features that go because a feature is above them now that was not there and is not installed. The
/// documentation wants it so (page `feature-table.md`, column Feature_Parent: what is below a feature that is not selected is not
/// installed) and forbids such packages (page `enforceupgradecomponentrules.md`), which may take away all that is installed.
/// `remove` is the property REMOVE as it was before the decision: what it names goes as asked.
///
/// # Errors
/// When the table Feature cannot be read.
pub fn warn(session: &mut Session<'_, '_>, remove: &str) -> Result<(), EngineError> {
    if session.installed.is_none() || session.top_level != TopLevel::Install {
        return Ok(());
    }
    let rows = session.package.rows::<Feature>()?;
    let mut lost = Vec::new();
    if let Some(selection) = &session.selection {
        for row in rows.iter() {
            let (Some(state), Some(above)) = (
                selection.feature(&row.feature),
                row.parent.as_deref().and_then(|parent| selection.feature(parent)),
            ) else {
                continue;
            };
            let is_asked = remove.split(',').any(|name| name == "ALL" || name == &*row.feature);
            let goes =
                !is_asked && state.installed != InstallState::Absent && state.action == InstallState::Absent;
            if goes && above.installed == InstallState::Absent && above.outcome() == InstallState::Absent {
                lost.push((row.feature.clone(), above.feature.clone()));
            }
        }
    }
    for (feature, above) in lost {
        session.warn_of_notice(Notice::FeatureGoes { feature: &feature, above: &above });
    }
    Ok(())
}

/// By the property or the policy.
fn is_enforced(session: &Session<'_, '_>) -> Result<bool, EngineError> {
    let by_policy = policy::is_on(session.machine(), Hive::LocalMachine, "EnforceUpgradeComponentRules")?;
    Ok(by_policy || session.property(ENFORCED) == Some("1"))
}

/// Compares by the codes of components: one that gets another code is another one. `may_go` allows all components to go.
fn compare(old: &Package, new: &Package, may_go: bool) -> Result<(), EngineError> {
    let kept = components(new)?;
    let marked = old.rows::<Component>()?;
    let marked: HashSet<ComponentId> = marked
        .iter()
        .filter(|row| row.attributes.has(ComponentAttributes::UNINSTALL_ON_SUPERSEDENCE))
        .filter_map(|row| row.id)
        .collect();
    for (feature, ids) in components(old)? {
        let now = kept.get(&feature);
        let missing = |id: &&ComponentId| !marked.contains(id) && now.is_none_or(|now| !now.contains(id));
        if let Some(component) = ids.iter().filter(missing).min().filter(|_| !may_go) {
            return Err(EngineError::MissingComponent { feature, component: *component });
        }
    }
    let before = old.rows::<Feature>()?;
    let before: HashSet<&str> = before.iter().map(|row| &*row.feature).collect();
    for row in new.rows::<Feature>()?.iter().filter(|row| before.contains(&*row.feature)) {
        if let Some(parent) = row.parent.as_deref().filter(|parent| !before.contains(parent)) {
            return Err(EngineError::NewFeatureAbove {
                feature: parent.to_owned(),
                child: row.feature.to_string(),
            });
        }
    }
    Ok(())
}

/// The codes of the components of each feature.
fn components(package: &Package) -> Result<BTreeMap<String, HashSet<ComponentId>>, EngineError> {
    let rows = package.rows::<Component>()?;
    let mut features: BTreeMap<String, HashSet<ComponentId>> = BTreeMap::new();
    for row in package.rows::<FeatureComponent>()?.iter() {
        if let Some(id) = rows.find(&row.component).and_then(|component| component.id) {
            features.entry(row.feature.to_string()).or_default().insert(id);
        }
    }
    Ok(features)
}
