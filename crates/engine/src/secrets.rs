//! Values that nobody is to see: those of the properties that `MsiHiddenProperties` names (page `msihiddenproperties.md`).
//!
//! Where a property is shown by its name its value is masked there. But a value goes on: into command lines, paths, names of
//! keys, messages of the package, errors of the system. So it is remembered here, once for the process, and whoever prints
//! asks [`masked`] for what may be shown. It stays remembered when the installation has ended: its errors are printed after it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What stands for a secret.
const MASK: &str = "**********";

/// The shortest value that is masked wherever it is, in bytes. A shorter one is masked where it is shown as the property's:
/// `1` or `yes` would take half of a log with it.
const SHORTEST: usize = 4;

/// The values, and the forms in which they are printed. Longer ones come first where one begins with another.
static SECRETS: Mutex<BTreeSet<Secret>> = Mutex::new(BTreeSet::new());

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Secret(std::cmp::Reverse<usize>, String);

/// Remembers that a value is not to be shown.
pub(crate) fn hide(value: &str) {
    if value.len() < SHORTEST {
        return;
    }
    let debug = format!("{value:?}");
    let json = serde_json::Value::from(value).to_string();
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    for form in [value, debug.trim_matches('"'), json.trim_matches('"')] {
        secrets.insert(Secret(std::cmp::Reverse(form.len()), form.to_owned()));
    }
}

/// All that is hidden and that a text has: what has to be remembered with it.
pub(crate) fn within(text: &str) -> Vec<String> {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    secrets.iter().filter(|secret| text.contains(&secret.1)).map(|secret| secret.1.clone()).collect()
}

/// A text as it may be shown: values of hidden properties are replaced by asterisks.
pub fn masked(text: &str) -> String {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = text.to_owned();
    for Secret(_, secret) in &*secrets {
        if text.contains(secret) {
            text = text.replace(secret, MASK);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_in_every_form_in_which_they_are_printed() {
        // The values are remembered for all tests of this process.
        for value in ["se\"cret-7\\x", "se\"cret-7\\xyz", "abc"] {
            hide(value);
        }
        for (text, shown) in [
            ("a se\"cret-7\\xyz b se\"cret-7\\x", "a ********** b **********"),
            (r#"{"a": "se\"cret-7\\x"}"#, r#"{"a": "**********"}"#),
            ("abc", "abc"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(masked(text), shown);
        }
        assert_eq!(within("a se\"cret-7\\x"), ["se\"cret-7\\x"]);
    }
}
