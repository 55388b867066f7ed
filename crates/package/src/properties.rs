//! Properties: the named values of an installation.
//!
//! Follows the pages `about-properties.md`, `public-properties.md`, `restricted-public-properties.md`,
//! `securecustomproperties.md` and `msihiddenproperties.md`. An empty value is no value.

use std::collections::BTreeMap;

/// What setting a property changed; [`Properties::change_line`] puts it into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It had no value before.
    Added,
    /// It had another value before.
    Modified {
        /// The value before.
        old: String,
    },
    /// It has no value any more.
    Deleted {
        /// The value before.
        old: String,
    },
}

/// The value that the log shows for a hidden property.
const MASK: &str = "**********";

/// Properties by name; names are told apart by letter case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    values: BTreeMap<String, String>,
}

impl Properties {
    /// No properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, if there is one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value as a whole number.
    pub fn integer(&self, name: &str) -> Option<i32> {
        self.get(name)?.trim().parse().ok()
    }

    /// Whether there is a value.
    pub fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Sets a value, or deletes the property when the value is empty. Tells what changed, if anything did.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Option<Change> {
        let value = value.into();
        if value.is_empty() {
            return self.remove(name);
        }
        match self.values.get_mut(name) {
            Some(old) if *old == value => None,
            Some(old) => Some(Change::Modified { old: std::mem::replace(old, value) }),
            None => {
                self.values.insert(name.to_owned(), value);
                Some(Change::Added)
            }
        }
    }

    /// Deletes a property.
    pub fn remove(&mut self, name: &str) -> Option<Change> {
        self.values.remove(name).map(|old| Change::Deleted { old })
    }

    /// Names and values in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether `MsiHiddenProperties` names a property.
    pub fn is_hidden(&self, name: &str) -> bool {
        self.lists("MsiHiddenProperties", name)
    }

    fn lists(&self, list: &str, name: &str) -> bool {
        self.get(list).is_some_and(|names| names.split(';').any(|listed| listed.trim() == name))
    }

    /// The value as the log may show it.
    pub fn loggable(&self, name: &str) -> Option<&str> {
        self.get(name).map(|value| if self.is_hidden(name) { MASK } else { value })
    }

    /// The line about a change in the verbose log.
    pub fn change_line(&self, name: &str, change: &Change) -> String {
        let hidden = self.is_hidden(name);
        let show = |value: &str| if hidden { MASK.to_owned() } else { value.to_owned() };
        let new = show(self.get(name).unwrap_or_default());
        match change {
            Change::Added => format!("PROPERTY CHANGE: Adding {name} property. Its value is '{new}'."),
            Change::Modified { old } => format!(
                "PROPERTY CHANGE: Modifying {name} property. Its current value is '{}'. Its new value: '{new}'.",
                show(old)
            ),
            Change::Deleted { old } => {
                format!("PROPERTY CHANGE: Deleting {name} property. Its current value is '{}'.", show(old))
            }
        }
    }
}

/// Whether a name is a public property's: it has no lower-case letters (page `public-properties.md`).
pub fn is_public(name: &str) -> bool {
    !name.chars().any(char::is_lowercase)
}

/// An argument that is not `NAME=VALUE`. Windows Installer's error for it is 1639.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// There is no equals sign.
    #[error("'{argument}' is not of the form NAME=VALUE")]
    NoValue {
        /// The argument.
        argument: String,
    },
    /// The part before the equals sign is no Identifier.
    #[error("'{name}' in '{argument}' is not a property's name")]
    Name {
        /// The argument.
        argument: String,
        /// The name.
        name: String,
    },
    /// A value in quotation marks is not closed, or goes on after its end.
    #[error("the quotation marks in '{argument}' are not in pairs")]
    Quotes {
        /// The argument.
        argument: String,
    },
}

/// Reads `NAME=VALUE` or `NAME="a ""b"" c"`, as one argument of a command line (page `command-line-options.md`). The
/// name is taken as upper case, as documented.
///
/// # Errors
/// When there is no `=`, the name is no Identifier, or quotation marks are not in pairs.
pub fn parse_assignment(argument: &str) -> Result<(String, String), AssignmentError> {
    let (name, value) =
        argument.split_once('=').ok_or_else(|| AssignmentError::NoValue { argument: argument.to_owned() })?;
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|first| first == '_' || first.is_ascii_alphabetic());
    if !begins || !characters.all(|next| matches!(next, '_' | '.') || next.is_ascii_alphanumeric()) {
        return Err(AssignmentError::Name { argument: argument.to_owned(), name: name.to_owned() });
    }
    let value = match value.strip_prefix('"') {
        None => value.to_owned(),
        Some(quoted) => {
            unquote(quoted).ok_or_else(|| AssignmentError::Quotes { argument: argument.to_owned() })?
        }
    };
    Ok((name.to_ascii_uppercase(), value))
}

/// The text up to the closing quotation mark, which has to be the end; two in a row are one in the text.
fn unquote(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        value.push_str(before);
        if after.is_empty() {
            return Some(value);
        }
        rest = after.strip_prefix('"')?;
        value.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_each_change_as_the_log_does() {
        let mut properties = Properties::new();
        let mut set = |name: &str, value: &str| {
            let change = properties.set(name, value);
            change.map(|change| properties.change_line(name, &change)).unwrap_or_default()
        };
        assert_eq!(set("A", "1"), "PROPERTY CHANGE: Adding A property. Its value is '1'.");
        assert_eq!(set("A", "1"), "");
        assert_eq!(
            set("A", "2"),
            "PROPERTY CHANGE: Modifying A property. Its current value is '1'. Its new value: '2'."
        );
        assert_eq!(set("A", ""), "PROPERTY CHANGE: Deleting A property. Its current value is '2'.");
        assert_eq!(set("A", ""), "");
        set("MsiHiddenProperties", "PASSWORD;PIN");
        assert_eq!(set("PIN", "1234"), "PROPERTY CHANGE: Adding PIN property. Its value is '**********'.");
        assert_eq!(
            set("PIN", "12"),
            "PROPERTY CHANGE: Modifying PIN property. Its current value is '**********'. Its new value: '**********'."
        );
        assert_eq!(properties.loggable("PIN"), Some("**********"));
    }

    #[test]
    fn tells_public_properties() {
        assert!(is_public("INSTALLDIR") && is_public("A_1.B") && !is_public("ProductCode"));
    }

    #[test]
    fn reads_assignments_of_a_command_line() {
        let cases = [
            ("A=1", Ok(("A", "1"))),
            ("a=Value", Ok(("A", "Value"))),
            ("A=", Ok(("A", ""))),
            ("A=b=c d", Ok(("A", "b=c d"))),
            ("A=\"b c\"", Ok(("A", "b c"))),
            ("A=\"\"", Ok(("A", ""))),
            (
                "PROPERTY=\"Embedded \"\"Quotes\"\" White Space\"",
                Ok(("PROPERTY", "Embedded \"Quotes\" White Space")),
            ),
            ("A", Err("'A' is not of the form NAME=VALUE")),
            ("=1", Err("'' in '=1' is not a property's name")),
            ("1A=1", Err("'1A' in '1A=1' is not a property's name")),
            ("A B=1", Err("'A B' in 'A B=1' is not a property's name")),
            ("A=\"b", Err("the quotation marks in 'A=\"b' are not in pairs")),
            ("A=\"b\"c", Err("the quotation marks in 'A=\"b\"c' are not in pairs")),
        ];
        for (argument, expected) in cases {
            let found = parse_assignment(argument).map_err(|error| error.to_string());
            let found =
                found.as_ref().map(|(name, value)| (name.as_str(), value.as_str())).map_err(String::as_str);
            assert_eq!(found, expected, "{argument}");
        }
    }
}
