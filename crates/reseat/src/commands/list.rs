//! `reseat list`: the installed products.

use std::process::ExitCode;

use reseat_machine::products::{self, InstallContext};
use serde::Serialize;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output;
use crate::prefix;

#[derive(Serialize)]
struct Line {
    name: String,
    version: String,
    publisher: String,
    context: &'static str,
    advertised: bool,
    product: String,
}

/// Prints the installed products.
pub fn run(global: &Global) -> Result<ExitCode, Failure> {
    let installed = match prefix::open_if_made(global)? {
        Some(machine) => products::installed_products(machine.registry()?),
        None => Vec::new(),
    };
    let mut lines: Vec<Line> = installed
        .into_iter()
        .map(|product| Line {
            name: product.name,
            version: product.version.unwrap_or_default(),
            publisher: product.publisher.unwrap_or_default(),
            context: match product.context {
                InstallContext::PerMachine => "machine",
                InstallContext::PerUser => "user",
            },
            advertised: product.advertised,
            product: product.code.to_string(),
        })
        .collect();
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    output::list(global, &["name", "version", "publisher", "context", "product"], &lines, |line| {
        vec![
            line.name.clone(),
            line.version.clone(),
            line.publisher.clone(),
            if line.advertised { format!("{}, advertised", line.context) } else { line.context.to_owned() },
            line.product.clone(),
        ]
    });
    Ok(ExitCode::SUCCESS)
}
