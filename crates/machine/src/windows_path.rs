//! An absolute path with a drive letter, as packages and the registry name files.
//!
//! The rules follow the page `FileIO/naming-a-file.md`: what a component may contain, the reserved device names, and
//! that letter case does not distinguish names. UNC paths, device paths (`\\?\`, `\\.\`) and relative paths are refused by
//! name. Where a path lies on this computer is not known here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The most UTF-16 units that a component may have.
const LONGEST_COMPONENT: usize = 255;
/// The most UTF-16 units that a whole path may have.
const LONGEST_PATH: usize = 32_767;

/// A normalised absolute path, `C:\folder\file`: the drive letter is in upper case, components are separated by one
/// backslash, and only the root of a drive ends with one. Letter case is kept but does not distinguish two paths.
///
/// A copy shares the text: an installation of many files has each path in its script, its journal and more.
#[derive(Clone)]
pub struct WindowsPath {
    /// The path, and behind it the same in upper case.
    both: Arc<str>,
    /// The length of the first.
    length: usize,
}

/// Why a text is not a path that Reseat uses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is no text.
    #[error("the path is empty")]
    Empty,
    /// A path on another computer.
    #[error("'{path}' is a network path, a path on a drive is needed")]
    Network {
        /// The path as it was given.
        path: String,
    },
    /// A path in the device name space, such as `\\?\C:\x`.
    #[error("'{path}' is a device path, a path on a drive is needed")]
    Device {
        /// The path as it was given.
        path: String,
    },
    /// A path without a drive, or relative to a drive's current folder.
    #[error("'{path}' is a relative path, a path such as C:\\folder is needed")]
    Relative {
        /// The path as it was given.
        path: String,
    },
    /// A component that climbs or stays: `..` or `.`.
    #[error("'{path}' has the component '{component}', which may not be used")]
    Climbs {
        /// The path as it was given.
        path: String,
        /// The component.
        component: String,
    },
    /// A character that no name may contain.
    #[error("'{path}' has the character {character:?}, which no file name may contain")]
    Character {
        /// The path as it was given.
        path: String,
        /// The character.
        character: char,
    },
    /// The name of a device, with or without an extension.
    #[error("'{path}' has the component '{component}', which is the name of a device")]
    DeviceName {
        /// The path as it was given.
        path: String,
        /// The component.
        component: String,
    },
    /// A component that ends with a full stop or a space.
    #[error("'{path}' has the component '{component}', which ends with a full stop or a space")]
    TrailingDotOrSpace {
        /// The path as it was given.
        path: String,
        /// The component.
        component: String,
    },
    /// A component or the whole path is too long.
    #[error("a part of the path has {got} UTF-16 units, at most {most} are possible: '{start}…'")]
    TooLong {
        /// The beginning of the part.
        start: String,
        /// Its length.
        got: usize,
        /// The limit.
        most: usize,
    },
}

impl WindowsPath {
    /// Reads a path. A slash is taken for a backslash, and repeated separators for one, since packages join a folder
    /// property that ends with a separator to a name that starts with one.
    ///
    /// # Errors
    /// When the path is not absolute with a drive letter, or a component is not a usable file name.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        let mut characters = text.chars();
        let first = characters.next().unwrap_or_default();
        let second = characters.next();
        if is_separator(first) && second.is_some_and(is_separator) {
            let device =
                matches!(characters.next(), Some('?' | '.')) && characters.next().is_none_or(is_separator);
            let path = text.to_owned();
            return Err(if device { PathError::Device { path } } else { PathError::Network { path } });
        }
        let third = characters.next();
        if !first.is_ascii_alphabetic() || second != Some(':') || third.is_some_and(|c| !is_separator(c)) {
            return Err(PathError::Relative { path: text.to_owned() });
        }
        // `C:` alone is the current folder of the drive; nothing here has one.
        if third.is_none() {
            return Err(PathError::Relative { path: text.to_owned() });
        }
        let mut path = format!("{}:\\", first.to_ascii_uppercase());
        append(&mut path, characters.as_str(), text)?;
        Self::checked(path)
    }

    /// The path of something below this path: one or more components, separated by backslashes or slashes.
    ///
    /// # Errors
    /// When there is no component, or one is not a usable file name.
    pub fn join(&self, components: &str) -> Result<Self, PathError> {
        let mut path = String::with_capacity(2 * (self.length + 1 + components.len()));
        path.push_str(self.as_str());
        let before = path.len();
        append(&mut path, components, components)?;
        if path.len() == before {
            return Err(PathError::Empty);
        }
        Self::checked(path)
    }

    fn checked(path: String) -> Result<Self, PathError> {
        let got = path.encode_utf16().count();
        if got > LONGEST_PATH {
            return Err(PathError::TooLong {
                start: path.chars().take(40).collect(),
                got,
                most: LONGEST_PATH,
            });
        }
        Ok(Self::with_folded(path))
    }

    fn with_folded(mut path: String) -> Self {
        let length = path.len();
        let folded = fold(&path);
        path.push_str(&folded);
        Self { both: path.into(), length }
    }

    /// The drive's root folder.
    ///
    /// # Errors
    /// When `drive` is no ASCII letter.
    pub fn root(drive: char) -> Result<Self, PathError> {
        Self::parse(&format!("{drive}:\\"))
    }

    /// The root of the drive with Windows, `C:\\`.
    pub(crate) fn drive_c() -> Self {
        Self { both: "C:\\C:\\".into(), length: 3 }
    }

    /// The folder that contains this; nothing for the root of a drive.
    pub fn parent(&self) -> Option<Self> {
        let start = self.last_start()?;
        // The root keeps its backslash.
        let root = (start == 3).then_some(3);
        let text = self.as_str().get(..root.unwrap_or(start - 1))?;
        // A backslash stays one in upper case.
        let folded = self.folded();
        let folded = folded.get(..root.or_else(|| folded.rfind('\\'))?)?;
        Some(Self { both: [text, folded].concat().into(), length: text.len() })
    }

    /// The last component; nothing for the root of a drive.
    pub fn file_name(&self) -> Option<&str> {
        self.as_str().get(self.last_start()?..)
    }

    fn last_start(&self) -> Option<usize> {
        if self.length <= 3 { None } else { self.as_str().rfind('\\').map(|position| position + 1) }
    }

    /// The drive letter, in upper case.
    pub fn drive(&self) -> char {
        self.as_str().chars().next().unwrap_or('C')
    }

    /// The components after the drive.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.as_str().get(3..).unwrap_or_default().split('\\').filter(|component| !component.is_empty())
    }

    /// The path as text; only a drive's root ends with a backslash.
    pub fn as_str(&self) -> &str {
        self.both.get(..self.length).unwrap_or_default()
    }

    /// The path in upper case, by which paths are compared.
    pub fn folded(&self) -> &str {
        self.both.get(self.length..).unwrap_or_default()
    }

    /// The path with a backslash at its end, as folder properties have it.
    pub fn with_separator(&self) -> String {
        let mut text = self.as_str().to_owned();
        if !text.ends_with('\\') {
            text.push('\\');
        }
        text
    }

    /// Whether this is `folder` or lies somewhere below it.
    pub fn starts_with(&self, folder: &Self) -> bool {
        is_within(self.folded(), folder.folded())
    }
}

/// Whether a folded path is that of a folder or lies below it.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('\\') || folder.ends_with('\\'))
}

fn is_separator(character: char) -> bool {
    matches!(character, '\\' | '/')
}

/// Adds the components of `rest` to `path`, each checked. `whole` is the text that a message names.
fn append(path: &mut String, rest: &str, whole: &str) -> Result<(), PathError> {
    for component in rest.split(is_separator).filter(|component| !component.is_empty()) {
        check_component(component, whole)?;
        if !path.ends_with('\\') {
            path.push('\\');
        }
        path.push_str(component);
    }
    Ok(())
}

/// Whether a name can be one component of a [`WindowsPath`].
///
/// # Errors
/// The rule that the name breaks.
pub fn check_name(name: &str) -> Result<(), PathError> {
    if name.is_empty() {
        return Err(PathError::Empty);
    }
    if let Some(character) = name.chars().find(|character| is_separator(*character)) {
        return Err(PathError::Character { path: name.to_owned(), character });
    }
    check_component(name, name)
}

fn check_component(component: &str, whole: &str) -> Result<(), PathError> {
    let path = || whole.to_owned();
    if component == "." || component == ".." {
        return Err(PathError::Climbs { path: path(), component: component.to_owned() });
    }
    let forbidden =
        |character: &char| *character < ' ' || matches!(character, '<' | '>' | ':' | '"' | '|' | '?' | '*');
    if let Some(character) = component.chars().find(forbidden) {
        return Err(PathError::Character { path: path(), character });
    }
    if component.ends_with(['.', ' ']) {
        return Err(PathError::TrailingDotOrSpace { path: path(), component: component.to_owned() });
    }
    if is_device(component) {
        return Err(PathError::DeviceName { path: path(), component: component.to_owned() });
    }
    // A name has no more UTF-16 units than bytes.
    if component.len() > LONGEST_COMPONENT {
        let got = component.encode_utf16().count();
        if got > LONGEST_COMPONENT {
            let start = component.chars().take(40).collect();
            return Err(PathError::TooLong { start, got, most: LONGEST_COMPONENT });
        }
    }
    Ok(())
}

/// Whether the part of a name before its first full stop is one of the reserved names.
fn is_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or(component).trim_end_matches(' ');
    let named = |names: &[&str]| names.iter().any(|name| stem.eq_ignore_ascii_case(name));
    if named(&["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]) {
        return true;
    }
    let mut characters = stem.chars();
    let (Some(last), start) = (characters.next_back(), characters.as_str()) else { return false };
    let port = start.eq_ignore_ascii_case("COM") || start.eq_ignore_ascii_case("LPT");
    port && (last.is_ascii_digit() || matches!(last, '\u{b9}' | '\u{b2}' | '\u{b3}'))
}

/// The text with each character in its simple upper case, by which Windows compares names. Characters whose upper case is
/// several characters stay as they are.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    text.chars().map(fold_character).collect()
}

fn fold_character(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

impl PartialEq for WindowsPath {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for WindowsPath {}

impl PartialOrd for WindowsPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WindowsPath {
    /// A folder comes before what it contains, and its contents before its next sibling.
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().split('\\').cmp(other.folded().split('\\'))
    }
}

impl Hash for WindowsPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for WindowsPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for WindowsPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), out)
    }
}

impl FromStr for WindowsPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl Serialize for WindowsPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for WindowsPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_drive_separators_and_ends() {
        for (text, expected) in [
            (r"c:\", r"C:\"),
            (r"c:\a\b", r"C:\a\b"),
            ("c:/a/b/", r"C:\a\b"),
            (r"C:\Program Files\\x.dll", r"C:\Program Files\x.dll"),
            (r"C:\com\nullable.txt", r"C:\com\nullable.txt"),
            (r"C:\.config\a..b", r"C:\.config\a..b"),
        ] {
            assert_eq!(WindowsPath::parse(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn refuses_each_unusable_path_by_its_cause() {
        use PathError as E;
        type IsExpected = fn(&PathError) -> bool;
        let cases: &[(&str, IsExpected)] = &[
            ("", |e| matches!(e, E::Empty)),
            ("a", |e| matches!(e, E::Relative { .. })),
            (r"\a", |e| matches!(e, E::Relative { .. })),
            ("C:", |e| matches!(e, E::Relative { .. })),
            ("C:a", |e| matches!(e, E::Relative { .. })),
            (r"\\server\share\x", |e| matches!(e, E::Network { .. })),
            (r"\\?\C:\x", |e| matches!(e, E::Device { .. })),
            (r"//./COM1", |e| matches!(e, E::Device { .. })),
            (r"C:\a\..\b", |e| matches!(e, E::Climbs { .. })),
            (r"C:\.", |e| matches!(e, E::Climbs { .. })),
            (r"C:\a:b", |e| matches!(e, E::Character { character: ':', .. })),
            ("C:\\a\0b", |e| matches!(e, E::Character { character: '\0', .. })),
            (r"C:\a\NUL", |e| matches!(e, E::DeviceName { .. })),
            (r"C:\a\com1.txt\b", |e| matches!(e, E::DeviceName { .. })),
            (r"C:\a\lpt².x", |e| matches!(e, E::DeviceName { .. })),
            (r"C:\aux .txt", |e| matches!(e, E::DeviceName { .. })),
            (r"C:\a.", |e| matches!(e, E::TrailingDotOrSpace { .. })),
            (r"C:\a \b", |e| matches!(e, E::TrailingDotOrSpace { .. })),
            (r"1:\a", |e| matches!(e, E::Relative { .. })),
        ];
        for (text, expected) in cases {
            let error = WindowsPath::parse(text).unwrap_err();
            assert!(expected(&error), "{text}: {error}");
        }
        let long = format!(r"C:\{}", "x".repeat(256));
        assert!(matches!(WindowsPath::parse(&long).unwrap_err(), E::TooLong { got: 256, .. }));
        assert!(WindowsPath::parse(&format!(r"C:\{}", "ä".repeat(255))).is_ok());
        let long = format!(r"C:{}", r"\xxxxxxxxx".repeat(4000));
        assert!(matches!(WindowsPath::parse(&long).unwrap_err(), E::TooLong { .. }));
    }

    #[test]
    fn letter_case_does_not_distinguish_paths() {
        let a = WindowsPath::parse(r"c:\Über\Straße").unwrap();
        let b = WindowsPath::parse(r"C:\üBER\STRAßE").unwrap();
        assert_eq!(a, b);
        assert_eq!(a.folded(), b.folded());
        assert_ne!(a, WindowsPath::parse(r"C:\üBER\STRASSE").unwrap());
    }

    #[test]
    fn walks_up_and_down() {
        let path = WindowsPath::parse(r"C:\a\b").unwrap();
        assert_eq!(path.file_name(), Some("b"));
        assert_eq!(path.parent().unwrap().as_str(), r"C:\a");
        assert_eq!(path.parent().unwrap().parent().unwrap().as_str(), r"C:\");
        assert!(WindowsPath::root('c').unwrap().parent().is_none());
        assert_eq!(WindowsPath::root('c').unwrap().file_name(), None);
        assert_eq!(WindowsPath::root('c').unwrap().join(r"x\y").unwrap().as_str(), r"C:\x\y");
        assert_eq!(path.components().collect::<Vec<_>>(), ["a", "b"]);
        assert!(path.join("").is_err() && path.join("..").is_err() && path.join(r"c\..\d").is_err());
        assert!(path.starts_with(&WindowsPath::parse(r"c:\A").unwrap()));
        assert!(path.starts_with(&WindowsPath::root('c').unwrap()));
        assert!(!WindowsPath::parse(r"C:\ab").unwrap().starts_with(&WindowsPath::parse(r"c:\a").unwrap()));
    }

    #[test]
    fn a_folder_sorts_before_its_contents_and_they_before_its_sibling() {
        let mut paths: Vec<_> = [r"C:\a b", r"C:\a\z", r"C:\a", r"C:\A\B"]
            .iter()
            .map(|p| WindowsPath::parse(p).unwrap())
            .collect();
        paths.sort();
        let texts: Vec<_> = paths.iter().map(WindowsPath::as_str).collect();
        assert_eq!(texts, [r"C:\a", r"C:\A\B", r"C:\a\z", r"C:\a b"]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_has_no_way_out_and_is_its_own_text(text in "([cC]:)?[\\\\/]([a-zA-Zß☺. ~:*]{0,4}[\\\\/]?){0,5}") {
            if let Ok(path) = WindowsPath::parse(&text) {
                let again = WindowsPath::parse(path.as_str()).unwrap();
                proptest::prop_assert_eq!(again.as_str(), path.as_str());
                proptest::prop_assert!(path.components().all(|name| check_name(name).is_ok()));
                let mut joined = WindowsPath::root('c').unwrap();
                for name in path.components() {
                    joined = joined.join(name).unwrap();
                }
                proptest::prop_assert_eq!(joined, path);
            }
        }
    }
}
