//! `reseat check`: whether files, registry and the records of products agree.

use std::process::ExitCode;

use reseat_engine::ItemState;
use serde::Serialize;

use crate::arguments::{Check, Global};
use crate::failure::Failure;
use crate::inventories;
use crate::output;
use crate::prefix;

#[derive(Serialize)]
struct Finding {
    product: String,
    name: String,
    component: String,
    kind: &'static str,
    what: String,
    finding: String,
}

/// Prints what does not agree.
pub fn run(global: &Global, arguments: &Check) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    if let Some(machine) = prefix::open_if_made(global)? {
        for product in inventories::products(&machine, arguments.product.as_deref())? {
            if product.advertised {
                // Nothing of it is installed, and no package is kept.
                continue;
            }
            let (code, name) = (product.code.to_string(), product.name.clone());
            let finding = |component: &str, kind, what: &str, finding: String| Finding {
                product: code.clone(),
                name: name.clone(),
                component: component.to_owned(),
                kind,
                what: what.to_owned(),
                finding,
            };
            match inventories::take(&machine, product) {
                Err(error) => findings.push(finding("", "product", &name, error.to_string())),
                Ok(inventory) => {
                    for problem in &inventory.problems {
                        findings.push(finding("", "product", &name, problem.clone()));
                    }
                    let wrong = inventory
                        .items
                        .iter()
                        .filter(|item| matches!(item.state, ItemState::Missing | ItemState::Changed(_)));
                    findings.extend(wrong.map(|item| {
                        let kind = inventories::kind_words(item);
                        finding(&item.component, kind, &item.what, inventories::state_words(item))
                    }));
                }
            }
        }
    } else if let Some(name) = &arguments.product {
        return Err(reseat_engine::EngineError::UnknownProduct { name: name.clone(), similar: None }.into());
    }
    output::list(global, &["product", "component", "kind", "what", "finding"], &findings, |it| {
        vec![it.name.clone(), it.component.clone(), it.kind.to_owned(), it.what.clone(), it.finding.clone()]
    });
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
