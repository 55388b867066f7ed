//! File and folder names out of a package: `short|long` pairs and the `target:source` pairs of folders.
//!
//! Follows the pages `filename.md`, `wildcardfilename.md`, `defaultdir.md` and `directory-table.md`. A name becomes one
//! component of a path and nothing else: separators, drive letters, `.` and `..` are refused here, whoever asks. The
//! rule that a short name has eight and three characters is not held against packages, because many break it.

use reseat_database::Value;

use crate::row::{Cell, CellError};

/// Which of two names is wanted (property SHORTFILENAMES; bit 0 of the Word Count summary property).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameForm {
    /// The short name.
    Short,
    /// The long name, or the short one when there is no other.
    Long,
}

/// A text that cannot be a file name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    /// There is no name, or none on one side of the bar.
    #[error("'{text}' lacks a name")]
    Empty {
        /// The text.
        text: String,
    },
    /// A character that no file name may hold.
    #[error("'{text}' holds the character {character:?}, which no file name may")]
    Character {
        /// The text.
        text: String,
        /// The character.
        character: char,
    },
    /// The folder itself or the one above.
    #[error("'{text}' leads to another folder")]
    Relative {
        /// The text.
        text: String,
    },
    /// A bar or colon too many.
    #[error("'{text}' holds more than one '{separator}'")]
    Separators {
        /// The text.
        text: String,
        /// The bar or colon.
        separator: char,
    },
}

/// A name of category Filename: a short name, a long name, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName {
    short: Box<str>,
    long: Option<Box<str>>,
}

impl FileName {
    /// Reads `name` or `short|long`.
    ///
    /// # Errors
    /// When a name is empty, `.`, `..`, or holds one of `\ / : * ? " < > |` or a control character.
    pub fn parse(text: &str) -> Result<Self, FileNameError> {
        Self::read(text, "")
    }

    fn read(text: &str, allowed: &str) -> Result<Self, FileNameError> {
        let (short, long) = match text.split_once('|') {
            Some((short, long)) => (short, Some(long)),
            None => (text, None),
        };
        if long.is_some_and(|long| long.contains('|')) {
            return Err(FileNameError::Separators { text: text.to_owned(), separator: '|' });
        }
        check(text, short, allowed)?;
        if let Some(long) = long {
            check(text, long, allowed)?;
        }
        Ok(Self { short: short.into(), long: long.map(Into::into) })
    }

    /// The short name, or the only one.
    pub fn short(&self) -> &str {
        &self.short
    }

    /// The long name, or the only one.
    pub fn long(&self) -> &str {
        self.long.as_deref().unwrap_or(&self.short)
    }

    /// The name in the wanted form.
    pub fn name(&self, form: NameForm) -> &str {
        match form {
            NameForm::Short => self.short(),
            NameForm::Long => self.long(),
        }
    }
}

fn check(text: &str, name: &str, allowed: &str) -> Result<(), FileNameError> {
    if name.is_empty() {
        return Err(FileNameError::Empty { text: text.to_owned() });
    }
    if let Some(character) = name.chars().find(|character| {
        (character.is_control() || r#"\/:*?"<>|"#.contains(*character)) && !allowed.contains(*character)
    }) {
        return Err(FileNameError::Character { text: text.to_owned(), character });
    }
    // Windows ignores dots and spaces at the end, so that more than two dots lead to the same places.
    if name.trim_end_matches(['.', ' ']).is_empty() {
        return Err(FileNameError::Relative { text: text.to_owned() });
    }
    Ok(())
}

/// A name of category WildCardFilename, in which `*` and `?` stand for any characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilePattern(FileName);

impl FilePattern {
    /// Reads `pattern` or `short|long`.
    ///
    /// # Errors
    /// As [`FileName::parse`], with `*` and `?` allowed.
    pub fn parse(text: &str) -> Result<Self, FileNameError> {
        FileName::read(text, "*?").map(Self)
    }

    /// The pattern in the wanted form.
    pub fn pattern(&self, form: NameForm) -> &str {
        self.0.name(form)
    }

    /// Whether a file's name matches, without regard to letter case. The short pattern is tried too.
    pub fn matches(&self, name: &str) -> bool {
        // `*.*` is all names on Windows, also those without a dot.
        let matches = |pattern: &str| pattern == "*.*" || matches_wildcards(pattern, name);
        matches(self.0.long()) || (self.0.long.is_some() && matches(self.0.short()))
    }
}

/// Whether a text is what a pattern describes, without regard to letter case: `*` stands for any characters, `?` for one.
pub fn matches_wildcards(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let name: Vec<char> = name.to_lowercase().chars().collect();
    // The latest star, and how far into the name it reaches so far.
    let mut star = None;
    let (mut at, mut reached) = (0, 0);
    while let Some(character) = name.get(reached) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, reached));
                at += 1;
            }
            Some(expected) if *expected == '?' || expected == character => {
                at += 1;
                reached += 1;
            }
            _ => match &mut star {
                Some((place, begin)) => {
                    *begin += 1;
                    at = *place + 1;
                    reached = *begin;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|character| *character == '*')
}

/// The name of a folder on one side: `.` is the parent folder itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FolderName {
    /// `.`: no folder of its own.
    Parent,
    /// A folder beneath the parent.
    Child(FileName),
}

impl FolderName {
    fn parse(text: &str) -> Result<Self, FileNameError> {
        // Visual Studio and Wise write the pair `.|.`.
        if text == "." || text == ".|." { Ok(Self::Parent) } else { FileName::parse(text).map(Self::Child) }
    }

    /// The name, or nothing for `.`.
    pub fn name(&self, form: NameForm) -> Option<&str> {
        match self {
            Self::Parent => None,
            Self::Child(name) => Some(name.name(form)),
        }
    }
}

/// The DefaultDir column: a folder's name at the target and at the source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DefaultDir {
    /// The name at the target.
    pub target: FolderName,
    /// The name at the source; the target's when it is not given.
    pub source: FolderName,
}

impl DefaultDir {
    /// Reads `name` or `target:source`, each of them a pair `short|long`.
    ///
    /// # Errors
    /// As [`FileName::parse`], and for more than one colon.
    pub fn parse(text: &str) -> Result<Self, FileNameError> {
        let Some((target, source)) = text.split_once(':') else {
            let name = FolderName::parse(text)?;
            return Ok(Self { target: name.clone(), source: name });
        };
        if source.contains(':') {
            return Err(FileNameError::Separators { text: text.to_owned(), separator: ':' });
        }
        Ok(Self { target: FolderName::parse(target)?, source: FolderName::parse(source)? })
    }
}

macro_rules! name_cells {
    ($($name:ident),*) => {$(
        impl Cell for $name {
            fn read(value: &Value) -> Result<Self, CellError> {
                let text = value.as_text().ok_or(CellError::Expected("a name"))?;
                Self::parse(text).map_err(|error| CellError::Rule(error.to_string()))
            }
        }
    )*};
}

name_cells!(FileName, FilePattern, DefaultDir);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_long_names() {
        let name = FileName::parse("projec~1.txt|Project Status.txt").unwrap();
        assert_eq!((name.short(), name.long()), ("projec~1.txt", "Project Status.txt"));
        let name = FileName::parse("status.txt").unwrap();
        assert_eq!((name.short(), name.long()), ("status.txt", "status.txt"));
        assert_eq!(FileName::parse("A|.config").unwrap().long(), ".config");
    }

    #[test]
    fn refuses_names_that_are_no_single_component() {
        for text in [
            "", "|", "a|", "|b", "a|b|c", ".", "..", "...", ". .", "a|..", "..|a", "a\\b", "a/b", "..\\x",
            "c:x", "a*", "a?", "a\"b", "<a", "a>", "a\0", "a\nb", "x|a\\b", " ",
        ] {
            assert!(FileName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn reads_target_and_source_of_a_folder() {
        let folder = DefaultDir::parse("App").unwrap();
        assert_eq!(folder.target.name(NameForm::Long), Some("App"));
        assert_eq!(folder.source, folder.target);
        let folder = DefaultDir::parse(".:x86").unwrap();
        assert_eq!(
            (folder.target.name(NameForm::Long), folder.source.name(NameForm::Long)),
            (None, Some("x86"))
        );
        let folder = DefaultDir::parse("A~1|Long A:B~1|Long B").unwrap();
        assert_eq!(folder.target.name(NameForm::Long), Some("Long A"));
        assert_eq!(folder.source.name(NameForm::Short), Some("B~1"));
        assert_eq!(DefaultDir::parse(".").unwrap().target, FolderName::Parent);
        for text in ["..", "a:..", "a:b:c", "a\\b", ":", "a:", "C:\\x", ".. |x"] {
            assert!(DefaultDir::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_accepted_name_is_one_component(text in "[ab.|:/\\\\ *~]{0,12}") {
            if let Ok(name) = FileName::parse(&text) {
                for name in [name.short(), name.long()] {
                    proptest::prop_assert!(!name.contains(['/', '\\', ':', '|']) && !name.trim_matches(['.', ' ']).is_empty());
                }
            }
        }
    }

    #[test]
    fn matches_patterns_without_regard_to_letter_case() {
        let cases = [
            ("*.*", "README", true),
            ("*.txt", "a.TXT", true),
            ("*.txt", "a.txt.bak", false),
            ("?.txt", "a.txt", true),
            ("?.txt", "ab.txt", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*", "x", true),
            ("SHORT~1.*|long name.*", "Long Name.dll", true),
            ("SHORT~1.*|long name.*", "short~1.dll", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(FilePattern::parse(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        assert!(FilePattern::parse("..\\*").is_err());
    }
}
