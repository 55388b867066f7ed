//! The categories of texts, one documented page each (list on `column-data-types.md`).

use super::Rule;
use crate::{Guid, Row};

/// A category of the `_Validation` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// Not validated: `Text`, numbers, times, streams.
    Anything,
    UpperCase,
    LowerCase,
    Identifier,
    Property,
    Filename,
    WildCardFilename,
    Path,
    Paths,
    AnyPath,
    DefaultDir,
    RegPath,
    Formatted,
    Template,
    Condition,
    Guid,
    Version,
    Language,
    CustomSource,
    Cabinet,
    Shortcut,
}

impl Category {
    /// The category of this name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "text" | "integer" | "doubleinteger" | "time/date" | "binary" | "" => Self::Anything,
            // The text is an SDDL one, in which names stand in angle brackets (page `formattedsddltext.md`).
            "formattedsddltext" => Self::Anything,
            "uppercase" => Self::UpperCase,
            "lowercase" => Self::LowerCase,
            "identifier" => Self::Identifier,
            "property" => Self::Property,
            "filename" => Self::Filename,
            "wildcardfilename" => Self::WildCardFilename,
            "path" => Self::Path,
            "paths" => Self::Paths,
            "anypath" => Self::AnyPath,
            "defaultdir" => Self::DefaultDir,
            "regpath" => Self::RegPath,
            // `KeyFormatted` occurs in packages; it is Formatted text that may be a key.
            "formatted" | "keyformatted" => Self::Formatted,
            "template" => Self::Template,
            "condition" => Self::Condition,
            "guid" => Self::Guid,
            "version" => Self::Version,
            "language" => Self::Language,
            "customsource" => Self::CustomSource,
            "cabinet" => Self::Cabinet,
            "shortcut" => Self::Shortcut,
            _ => return None,
        })
    }

    /// What is wrong with a text of this category. Conditions are for others to say.
    pub fn check(self, text: &str, row: &Row<'_>) -> Option<(Rule, String)> {
        let (is_right, rule, expected) = match self {
            Self::Anything | Self::Condition => return None,
            Self::UpperCase => (!text.chars().any(char::is_lowercase), Rule::BadCase, "in capitals"),
            Self::LowerCase => (!text.chars().any(char::is_uppercase), Rule::BadCase, "in small letters"),
            Self::Identifier => (is_identifier(text), Rule::BadIdentifier, "an identifier"),
            Self::Property => {
                let name = text.strip_prefix('%').unwrap_or(text);
                (is_identifier(name), Rule::BadProperty, "the name of a property")
            }
            Self::Filename => (is_file_name(text, Wildcards::No), Rule::BadFilename, "a file name"),
            Self::WildCardFilename => (
                is_file_name(text, Wildcards::Yes),
                Rule::BadWildcard,
                "a file name, with or without wildcards",
            ),
            Self::Path => (is_path(text), Rule::BadPath, "a full path"),
            Self::Paths => (
                text.split(';').filter(|path| !path.is_empty()).all(is_path),
                Rule::BadPath,
                "a list of full paths",
            ),
            Self::AnyPath => (is_any_path(text), Rule::BadPath, "a path"),
            Self::DefaultDir => (is_default_dir(text, row), Rule::BadDefaultDir, "a folder's name or names"),
            Self::RegPath => {
                let is_right = !text.starts_with('\\') && !text.ends_with('\\') && is_formatted(text);
                (is_right, Rule::BadRegPath, "a path of the registry without a backslash at either end")
            }
            Self::Formatted => (is_formatted(text), Rule::BadFormatted, "Formatted text"),
            Self::Template => (is_formatted(text), Rule::BadTemplate, "a template"),
            Self::Guid => (is_guid(text), Rule::BadGuid, "a GUID in braces and capitals"),
            Self::Version => (is_version(text), Rule::BadVersion, "a version"),
            Self::Language => (is_languages(text), Rule::BadLanguage, "a list of languages' numbers"),
            Self::CustomSource => (is_identifier(text), Rule::BadCustomSource, "an identifier"),
            Self::Cabinet => (is_cabinet(text), Rule::BadCabinet, "the name of a cabinet"),
            Self::Shortcut => {
                let is_right = if text.contains('[') { is_formatted(text) } else { is_identifier(text) };
                (is_right, Rule::BadShortcut, "a feature or Formatted text")
            }
        };
        (!is_right).then(|| (rule, format!("'{text}' is not {expected}")))
    }
}

/// The table that the source of a custom action is a key of does not need to hold it: properties are made while an
/// installation runs (pages `customsource.md`, `custom-action-type-51.md`). Nothing for the other kinds.
pub(super) fn custom_source_table(row: &Row<'_>) -> Option<&'static str> {
    let kind = row.integer("Type")?;
    // Bits 4 and 5 say where the source is; all of both is a property.
    (kind & 0x30 == 0x30).then_some("Property")
}

pub(super) fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || "_.".contains(character))
}

fn is_guid(text: &str) -> bool {
    text.parse::<Guid>().is_ok()
        && text.starts_with('{')
        && !text.chars().any(|character| character.is_ascii_lowercase())
}

/// Up to four numbers of at most five digits. A companion file's key stands in such columns too and is checked as a
/// foreign key where `_Validation` says so.
fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() <= 4
        && parts
            .iter()
            .all(|part| part.parse::<u16>().is_ok() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_languages(text: &str) -> bool {
    text.split(',').all(|number| number.trim().parse::<u16>().is_ok())
}

#[derive(Clone, Copy, PartialEq)]
enum Wildcards {
    Yes,
    No,
}

/// A short name, or a short and a long name with a bar between them. Only the characters of a lone name without a long one
/// are held against the rules of short names when it has their form: many packages have a long name alone.
fn is_file_name(text: &str, wildcards: Wildcards) -> bool {
    match text.split_once('|') {
        Some((short, long)) => is_short_name(short, wildcards) && is_long_name(long, wildcards),
        None => is_long_name(text, wildcards),
    }
}

fn is_long_name(name: &str, wildcards: Wildcards) -> bool {
    let forbidden = if wildcards == Wildcards::Yes { "\\/|><:\"" } else { "\\/|><:\"?*" };
    !name.is_empty()
        && !name.chars().any(|character| character.is_control() || forbidden.contains(character))
        && !name.chars().all(|character| character == '.' || character == ' ')
}

/// Eight characters, a full stop, three characters.
fn is_short_name(name: &str, wildcards: Wildcards) -> bool {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let fits = stem.chars().count() <= 8 && extension.chars().count() <= 3 && !extension.contains('.');
    let has_room = fits || wildcards == Wildcards::Yes;
    is_long_name(name, wildcards) && has_room && !name.chars().any(|character| "+,;=[] ".contains(character))
}

/// A full path of a drive or a share, or one that begins with a property.
fn is_path(text: &str) -> bool {
    let mut characters = text.chars();
    let drive = characters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && characters.next() == Some(':');
    drive || text.starts_with("\\\\") || text.starts_with('[')
}

/// A full or relative path; a pair of short and long name is of one level.
fn is_any_path(text: &str) -> bool {
    match text.split_once('|') {
        Some(_) => is_file_name(text, Wildcards::No),
        None => {
            !text.is_empty()
                && !text.chars().any(|character| character.is_control() || "><\"?*".contains(character))
        }
    }
}

/// An identifier for a root; else one name or `target:source`, in which `.` is the folder above.
fn is_default_dir(text: &str, row: &Row<'_>) -> bool {
    let parent = row.text("Directory_Parent");
    if parent.is_none() || parent == row.text("Directory") {
        return is_identifier(text) || is_file_name(text, Wildcards::No);
    }
    let mut names = text.split(':');
    let pair = (names.next(), names.next(), names.next());
    let is_name = |name: &str| matches!(name, "." | ".|.") || is_file_name(name, Wildcards::No);
    match pair {
        (Some(name), None, None) => is_name(name),
        (Some(target), Some(source), None) => is_name(target) && is_name(source),
        _ => false,
    }
}

/// A stream's identifier after `#`, else a short file name.
fn is_cabinet(text: &str) -> bool {
    match text.strip_prefix('#') {
        Some(stream) => is_identifier(stream),
        None => is_long_name(text, Wildcards::No),
    }
}

/// Brackets and braces without a partner are left in the text (page `formatted.md`), so that every text is one.
fn is_formatted(_: &str) -> bool {
    true
}
