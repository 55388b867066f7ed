//! States of features and components in conditions (page `conditional-statement-syntax.md`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::product::{Product, guid};
use support::scene::Scene;

const SYMBOLS: [&str; 8] = ["&Main", "!Main", "$Main", "?Main", "&Extra", "!Extra", "$Extra", "?Extra"];
/// No action, advertised, absent, local, source.
const STATES: [i32; 5] = [-1, 1, 2, 3, 4];

/// A product with two features that sets a property for each state that a symbol has.
fn product() -> Product {
    let mut product = Product::new()
        .with_row("Feature", &["Extra", "", "Extra", "", "2", "1", "INSTALLDIR", "0"])
        .with_row("Component", &["Extra", &guid(3, 900), "INSTALLDIR", "256", "", ""])
        .with_row("FeatureComponents", &["Extra", "Extra"])
        .with_row("CreateFolder", &["INSTALLDIR", "Main"])
        .with_row("CreateFolder", &["INSTALLDIR", "Extra"]);
    for (place, sequence) in [("EARLY", 500), ("LATE", 1010)] {
        for (symbol, name) in SYMBOLS.iter().enumerate() {
            for (state, number) in STATES.iter().enumerate() {
                let action = format!("{place}_{symbol}_{state}");
                product = product.with_row("CustomAction", &[&action, "51", &action, "yes"]).with_row(
                    "InstallExecuteSequence",
                    &[&action, &format!("{name}={number}"), &(sequence + symbol * 5 + state).to_string()],
                );
            }
        }
    }
    product
}

/// The states that the log shows, in the order of the symbols; nothing for one that had none.
fn states(scene: &Scene, place: &str) -> Vec<Option<i32>> {
    let log = scene.log();
    let holds = |symbol: usize, state: usize| {
        let line = format!("PROPERTY CHANGE: Adding {place}_{symbol}_{state} property. Its value is 'yes'.");
        log.contains(&line)
    };
    let found = |symbol: usize| {
        let mut found = (0..STATES.len()).filter(|state| holds(symbol, *state)).map(|state| STATES[state]);
        let first = found.next();
        assert_eq!(found.next(), None, "{} has two states", SYMBOLS[symbol]);
        first
    };
    (0..SYMBOLS.len()).map(found).collect()
}

#[test]
fn states_are_those_of_the_documentation_from_cost_finalize_on() {
    let scene = Scene::new();
    for (arguments, expected) in [
        // What is not asked for: no action, and absent.
        (["ADDLOCAL=Main"], [3, 2, 3, 2, -1, 2, -1, 2]),
        (["ADDLOCAL=Extra"], [-1, 3, -1, 3, 3, 2, 3, 2]),
        (["REINSTALL=Main"], [3, 3, 3, 3, -1, 3, -1, 3]),
        (["REMOVE=Extra"], [-1, 3, -1, 3, 2, 3, 2, 3]),
        (["REMOVE=ALL"], [2, 3, 2, 3, -1, 2, -1, 2]),
    ] {
        scene.install(&product(), &arguments).expect_code(0);
        assert_eq!(states(&scene, "EARLY"), [None; 8], "{arguments:?}");
        assert_eq!(states(&scene, "LATE"), expected.map(Some), "{arguments:?}: {SYMBOLS:?}");
    }
}
