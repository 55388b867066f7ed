//! `reseat show`: an installed product and what it has brought.

use std::io::Write;
use std::process::ExitCode;

use reseat_engine::EngineError;
use reseat_machine::products::{FeatureState, InstallContext};
use serde_json::json;

use crate::arguments::{Global, Show};
use crate::failure::Failure;
use crate::inventories;
use crate::output;
use crate::prefix;

/// Prints a product.
pub fn run(global: &Global, arguments: &Show) -> Result<ExitCode, Failure> {
    let name = &arguments.product;
    let machine = prefix::open_if_made(global)?
        .ok_or_else(|| EngineError::UnknownProduct { name: name.clone(), similar: None })?;
    let product = reseat_engine::find_product(&machine, name)?;
    let inventory = inventories::take(&machine, product)?;
    let product = &inventory.product;
    let context = match product.context {
        InstallContext::PerMachine => "machine",
        InstallContext::PerUser => "user",
    };
    let word = |state| match state {
        FeatureState::Installed => "installed",
        FeatureState::Advertised => "advertised",
        FeatureState::Absent => "absent",
    };
    output::write(ExitCode::SUCCESS, |out| {
        if global.json {
            let features = product
                .features
                .iter()
                .map(|(name, state)| json!({ "feature": name, "state": word(*state) }));
            let value = json!({
                "product": product.code.to_string(),
                "name": product.name,
                "version": product.version,
                "publisher": product.publisher,
                "language": product.language,
                "context": context,
                "package_code": product.package_code.map(|code| code.to_string()),
                "package": product.local_package,
                "source": product.install_source,
                "installed": product.install_date,
                "upgrade_codes": product.upgrade_codes.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "features": features.collect::<Vec<_>>(),
                "components": inventory.components,
                "items": inventory.items.iter().map(inventories::json_item).collect::<Vec<_>>(),
                "problems": inventory.problems,
            });
            return output::write_json(&value, out);
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let upgrades: Vec<_> = product.upgrade_codes.iter().map(ToString::to_string).collect();
        for (name, value) in [
            ("product", product.name.clone()),
            ("version", text(&product.version)),
            ("publisher", text(&product.publisher)),
            ("code", product.code.to_string()),
            ("upgrade codes", upgrades.join(", ")),
            ("context", context.to_owned()),
            ("installed on", text(&product.install_date)),
            ("source", text(&product.install_source)),
            ("kept package", text(&product.local_package)),
        ] {
            if !value.is_empty() {
                writeln!(out, "{name:14} {value}")?;
            }
        }
        writeln!(out)?;
        let features =
            product.features.iter().map(|(name, state)| vec![name.clone(), word(*state).to_owned()]);
        write!(out, "{}", output::fitted(&["feature", "state"], features))?;
        writeln!(out)?;
        let items = inventory.items.iter().map(|item| {
            vec![
                inventories::kind_words(item).to_owned(),
                item.what.clone(),
                item.component.clone(),
                inventories::state_words(item),
            ]
        });
        write!(out, "{}", output::fitted(&["kind", "what", "component", "state"], items))?;
        inventory.problems.iter().try_for_each(|problem| writeln!(out, "problem: {problem}"))
    })
}
