//! The REINSTALLMODE property (page `reinstallmode.md`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// When an existing file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OverwriteMode {
    /// `p`: never.
    Missing,
    /// `o`: when it is older.
    Older,
    /// `e`: when it is older or equal.
    OlderOrEqual,
    /// `d`: when its version is another.
    Different,
    /// `a`: always.
    All,
}

/// What is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReinstallMode {
    /// `p o e d a`: which existing files are replaced. Of several letters the one that replaces most counts.
    pub files: OverwriteMode,
    /// `c`: whether files with a checksum are verified.
    pub verify_checksums: bool,
    /// `u`: whether the user's registry entries are written.
    pub user_registry: bool,
    /// `m`: whether the machine's registry entries are written.
    pub machine_registry: bool,
    /// `s`: whether shortcuts and icons are written.
    pub shortcuts: bool,
    /// `v`: whether the source package is run and cached again.
    pub recache_package: bool,
}

/// A letter that is none of `poedcaumsv`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{letter}' in REINSTALLMODE '{text}' is none of p, o, e, d, c, a, u, m, s, v")]
pub struct ReinstallModeError {
    /// The property's value.
    pub text: String,
    /// The letter.
    pub letter: char,
}

impl Default for ReinstallMode {
    /// `omus`.
    fn default() -> Self {
        Self {
            files: OverwriteMode::Older,
            verify_checksums: false,
            user_registry: true,
            machine_registry: true,
            shortcuts: true,
            recache_package: false,
        }
    }
}

impl ReinstallMode {
    /// Reads the letters, in any order and letter case. Without a letter for files, none that exists is replaced.
    ///
    /// # Errors
    /// For any other letter.
    pub fn parse(text: &str) -> Result<Self, ReinstallModeError> {
        let mut mode = Self {
            files: OverwriteMode::Missing,
            verify_checksums: false,
            user_registry: false,
            machine_registry: false,
            shortcuts: false,
            recache_package: false,
        };
        for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
            let files = match letter.to_ascii_lowercase() {
                'p' => OverwriteMode::Missing,
                'o' => OverwriteMode::Older,
                'e' => OverwriteMode::OlderOrEqual,
                'd' => OverwriteMode::Different,
                'a' => OverwriteMode::All,
                other => {
                    match other {
                        'c' => mode.verify_checksums = true,
                        'u' => mode.user_registry = true,
                        'm' => mode.machine_registry = true,
                        's' => mode.shortcuts = true,
                        'v' => mode.recache_package = true,
                        _ => return Err(ReinstallModeError { text: text.to_owned(), letter }),
                    }
                    continue;
                }
            };
            if files.rank() > mode.files.rank() {
                mode.files = files;
            }
        }
        Ok(mode)
    }
}

impl OverwriteMode {
    fn rank(self) -> u8 {
        match self {
            Self::Missing => 0,
            Self::Older => 1,
            Self::OlderOrEqual => 2,
            Self::Different => 3,
            Self::All => 4,
        }
    }
}

/// The letters.
impl fmt::Display for ReinstallMode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.files {
            OverwriteMode::Missing => "p",
            OverwriteMode::Older => "o",
            OverwriteMode::OlderOrEqual => "e",
            OverwriteMode::Different => "d",
            OverwriteMode::All => "a",
        })?;
        let letters = [
            (self.verify_checksums, "c"),
            (self.machine_registry, "m"),
            (self.user_registry, "u"),
            (self.shortcuts, "s"),
            (self.recache_package, "v"),
        ];
        letters.iter().filter(|(set, _)| *set).try_for_each(|(_, letter)| out.write_str(letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_letters_in_any_order() {
        assert_eq!(ReinstallMode::parse("omus").unwrap(), ReinstallMode::default());
        assert_eq!(ReinstallMode::parse("SUMO").unwrap(), ReinstallMode::default());
        for (text, letters) in
            [("vomus", "omusv"), ("amus", "amus"), ("", "p"), ("pecms", "ecms"), ("oa", "a")]
        {
            assert_eq!(ReinstallMode::parse(text).unwrap().to_string(), letters, "{text}");
        }
        assert_eq!(ReinstallMode::parse("ox").unwrap_err().letter, 'x');
    }
}
