//! The Environment table (page `environment-table.md`).

use crate::row::{Text, table_row};

table_row! {
    /// An environment variable.
    EnvironmentRow = "Environment" {
        /// The row's key.
        environment: Text = "Environment",
        /// The variable's name with its prefix; [`VariableName::parse`] reads it.
        name: Text = "Name",
        /// The value, Formatted; nothing removes the variable.
        value: Option<Text> = "Value",
        /// The component.
        component: Text = "Component_",
    }
}

/// What is done when the component is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableInstall {
    /// `=`, or no prefix: the variable is set.
    Set,
    /// `+`: the variable is set only when it is not there.
    Create,
    /// `!`: the variable is removed.
    Remove,
    /// `-` alone: nothing.
    Nothing,
}

/// A variable's name, and what its prefix says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName {
    /// The name.
    pub name: String,
    /// What is done when the component is installed.
    pub install: VariableInstall,
    /// `-`: whether it is removed with the component.
    pub remove: bool,
    /// `*`: whether it is the system's variable, not the user's.
    pub system: bool,
}

/// A name that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableNameError {
    /// More than one of `=`, `+`, `!`.
    #[error("the prefix of '{text}' says two things at once")]
    Prefix {
        /// The text.
        text: String,
    },
    /// There is nothing after the prefix, or an equals sign or null character in it.
    #[error("'{text}' is not a variable's name")]
    Name {
        /// The text.
        text: String,
    },
}

impl VariableName {
    /// Reads a name with its prefix, in which the signs may be in any order.
    ///
    /// # Errors
    /// When signs exclude each other, or the name is empty or cannot be a variable's.
    pub fn parse(text: &str) -> Result<Self, VariableNameError> {
        let name = text.trim_start_matches(['=', '+', '-', '!', '*']);
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(VariableNameError::Name { text: text.to_owned() });
        }
        let mut parsed =
            Self { name: name.to_owned(), install: VariableInstall::Nothing, remove: false, system: false };
        let prefix = text.get(..text.len() - name.len()).unwrap_or_default();
        for sign in prefix.chars() {
            let install = match sign {
                '=' => VariableInstall::Set,
                '+' => VariableInstall::Create,
                '!' => VariableInstall::Remove,
                '-' => {
                    parsed.remove = true;
                    continue;
                }
                _ => {
                    parsed.system = true;
                    continue;
                }
            };
            if parsed.install != VariableInstall::Nothing && parsed.install != install {
                return Err(VariableNameError::Prefix { text: text.to_owned() });
            }
            parsed.install = install;
        }
        if parsed.install == VariableInstall::Nothing && !parsed.remove {
            parsed.install = VariableInstall::Set;
        }
        Ok(parsed)
    }
}

/// A variable's value: the whole of it, or one part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableValue {
    /// The whole value.
    Whole(String),
    /// `[~];Value`: a part at the end.
    Append {
        /// The part.
        part: String,
        /// What separates it from the others.
        separator: String,
    },
    /// `Value;[~]`: a part at the beginning.
    Prepend {
        /// The part.
        part: String,
        /// What separates it from the others.
        separator: String,
    },
}

impl VariableValue {
    /// Reads the Value column after its references were resolved, `[~]` being the null character.
    pub fn parse(text: &str) -> Self {
        if let Some(rest) = text.strip_prefix('\0') {
            let mut characters = rest.chars();
            let separator = characters.next().map(String::from).unwrap_or_default();
            return Self::Append { part: characters.as_str().to_owned(), separator };
        }
        if let Some(rest) = text.strip_suffix('\0') {
            let mut characters = rest.chars();
            let separator = characters.next_back().map(String::from).unwrap_or_default();
            return Self::Prepend { part: characters.as_str().to_owned(), separator };
        }
        Self::Whole(text.to_owned())
    }

    /// The variable's value once this one is set. A part that is there already is not added again.
    pub fn set(&self, current: Option<&str>) -> String {
        let current = current.unwrap_or_default();
        let (part, separator) = match self {
            Self::Whole(value) => return value.clone(),
            Self::Append { part, separator } | Self::Prepend { part, separator } => (part, separator),
        };
        if holds(current, separator, part) {
            return current.to_owned();
        }
        if current.is_empty() {
            return part.clone();
        }
        match self {
            Self::Append { .. } => format!("{}{separator}{part}", trim_end(current, separator)),
            _ => format!("{part}{separator}{current}"),
        }
    }

    /// The variable's value once this one is removed; nothing when the variable goes.
    pub fn unset(&self, current: &str) -> Option<String> {
        let (part, separator) = match self {
            Self::Whole(value) => {
                let goes = value.is_empty() || value == current;
                return if goes { None } else { Some(current.to_owned()) };
            }
            Self::Append { part, separator } | Self::Prepend { part, separator } => (part, separator),
        };
        if separator.is_empty() {
            return if same(current, part) { None } else { Some(current.to_owned()) };
        }
        let kept: Vec<&str> = current.split(separator.as_str()).filter(|other| !same(other, part)).collect();
        let value = kept.join(separator);
        if value.is_empty() { None } else { Some(value) }
    }
}

fn holds(current: &str, separator: &str, part: &str) -> bool {
    if separator.is_empty() {
        same(current, part)
    } else {
        current.split(separator).any(|other| same(other, part))
    }
}

/// Paths are the usual parts, and letter case does not tell them apart.
fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

fn trim_end<'t>(text: &'t str, separator: &str) -> &'t str {
    if separator.is_empty() { text } else { text.trim_end_matches(separator) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_prefixes_of_a_name() {
        use VariableInstall::*;
        let cases = [
            ("=-*PATH", Set, true, true),
            ("*=-PATH", Set, true, true),
            ("PATH", Set, false, false),
            ("*PATH", Set, false, true),
            ("+PATH", Create, false, false),
            ("-PATH", Nothing, true, false),
            ("!-PATH", Remove, true, false),
        ];
        for (text, install, remove, system) in cases {
            let expected = VariableName { name: "PATH".to_owned(), install, remove, system };
            assert_eq!(VariableName::parse(text).unwrap(), expected, "{text}");
        }
        for text in ["=+A", "!+A", "!=A", "=", "", "A=B"] {
            assert!(VariableName::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn removing_a_part_undoes_adding_it(parts in proptest::collection::vec("[a-f]{1,4}", 0..5), new in "[g-k]{1,4}") {
            let current = parts.join(";");
            for text in [format!("\0;{new}"), format!("{new};\0")] {
                let value = VariableValue::parse(&text);
                let set = value.set(Some(&current));
                proptest::prop_assert_eq!(value.unset(&set).unwrap_or_default(), current.clone());
            }
        }
    }

    #[test]
    fn adds_and_removes_parts_of_a_list() {
        let cases = [
            ("\0;c:\\x", Some("c:\\a;c:\\b"), "c:\\a;c:\\b;c:\\x", Some("c:\\a;c:\\b")),
            ("\0;c:\\x", Some("c:\\a;"), "c:\\a;c:\\x", Some("c:\\a")),
            ("c:\\x;\0", Some("c:\\a"), "c:\\x;c:\\a", Some("c:\\a")),
            ("\0;c:\\x", None, "c:\\x", None),
            ("\0;c:\\x", Some("C:\\X;c:\\a"), "C:\\X;c:\\a", Some("c:\\a")),
            ("whole", Some("old"), "whole", None),
        ];
        for (text, current, set, unset) in cases {
            let value = VariableValue::parse(text);
            assert_eq!(value.set(current), set, "{text:?}");
            assert_eq!(value.unset(set).as_deref(), unset, "{text:?}");
        }
        assert_eq!(VariableValue::parse("mine").unset("yours").as_deref(), Some("yours"));
    }
}
