//! Whether a file is installed over one that is there already.
//!
//! Follows the pages `file-versioning-rules.md`, `replacing-existing-files.md`, `default-file-versioning.md` and
//! `reinstallmode.md`. When neither of two sets of languages holds the other or the product's language, the incoming
//! file is installed: the only reading under which every row of the documented example comes out as printed.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::reinstall_mode::{OverwriteMode, ReinstallMode};
use crate::version::FileVersion;

/// The file in the package.
#[derive(Debug, Clone, Copy, Default)]
pub struct IncomingFile<'f> {
    /// Its version.
    pub version: Option<FileVersion>,
    /// Its languages.
    pub languages: &'f [u16],
    /// Its hash, from the MsiFileHash table.
    pub hash: Option<[u32; 4]>,
    /// Whether it holds a checksum.
    pub has_checksum: bool,
}

/// The file on the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExistingFile<'f> {
    /// Its version.
    pub version: Option<FileVersion>,
    /// Its languages.
    pub languages: &'f [u16],
    /// Its hash; only looked at when neither file has a version.
    pub hash: Option<[u32; 4]>,
    /// Whether it was modified after it was created.
    pub modified: bool,
    /// Whether its checksum was found to be wrong; only looked at with the letter `c`.
    pub corrupt: bool,
}

/// Why a file is installed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// There is no file.
    NoExistingFile,
    /// The letter `a`.
    AllFiles,
    /// The letter `p`, and there is a file.
    OnlyMissingFiles,
    /// The letter `c`, and the checksum is wrong.
    Corrupt,
    /// The existing version is lower.
    LowerVersion,
    /// The existing file has no version, the incoming one has.
    Unversioned,
    /// The existing version is higher.
    HigherVersion,
    /// The existing version is another, and the letter is `d`.
    DifferentVersion,
    /// The versions are equal.
    EqualVersion,
    /// The versions are equal, and the letter is `e`.
    EqualVersionRequested,
    /// The versions are equal, and the incoming file's languages are wanted.
    WantedLanguage,
    /// The versions are equal, and the existing file's languages are wanted.
    ExistingLanguage,
    /// The existing file has a version, the incoming one has none.
    Versioned,
    /// Neither has a version, and the existing one was modified.
    Modified,
    /// Neither has a version, the existing one is unmodified, and there is no hash.
    Unmodified,
    /// Neither has a version, the existing one is unmodified and has another hash.
    UnmodifiedOtherHash,
    /// Neither has a version, and the existing one is the same by its hash.
    SameHash,
    /// A companion whose parent is installed.
    CompanionParentInstalled,
    /// A companion whose parent is not installed.
    CompanionParentKept,
    /// The existing file is that of a patch which is being removed.
    PatchRemoved,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the incoming file is installed.
    pub overwrite: bool,
    /// Why.
    pub reason: Reason,
}

impl Decision {
    fn install(reason: Reason) -> Self {
        Self { overwrite: true, reason }
    }

    fn keep(reason: Reason) -> Self {
        Self { overwrite: false, reason }
    }
}

/// The line of the verbose log, without the file's path. Its three parts are separated by semicolons and tabs. The texts
/// for lower and equal versions, no file, the letter `a`, modified files and equal hashes are those of published logs.
impl fmt::Display for Decision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.overwrite, self.reason) {
            (true, Reason::NoExistingFile) => "To be installed",
            (true, _) => "Overwrite",
            (false, _) => "Won't Overwrite",
        };
        write!(out, "{what};\tWon't patch;\t{}", self.reason.text())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

impl Reason {
    fn text(self) -> &'static str {
        match self {
            Self::NoExistingFile => "No existing file",
            Self::AllFiles => "REINSTALLMODE specifies all files to be overwritten",
            Self::OnlyMissingFiles => "REINSTALLMODE specifies only missing files to be installed",
            Self::Corrupt => "Existing file is corrupt (invalid checksum)",
            Self::LowerVersion => "Existing file is a lower version",
            Self::Unversioned => "Existing file is unversioned",
            Self::HigherVersion => "Existing file is a higher version",
            Self::DifferentVersion => {
                "REINSTALLMODE specifies files of a different version to be overwritten"
            }
            Self::EqualVersion => "Existing file is of an equal version",
            Self::EqualVersionRequested => {
                "REINSTALLMODE specifies files of an equal version to be overwritten"
            }
            Self::WantedLanguage => "Existing file is of an equal version but lacks a language",
            Self::ExistingLanguage => "Existing file is of an equal version and has the languages",
            Self::Versioned => "Existing file is versioned",
            Self::Modified => "Existing file is unversioned but modified",
            Self::Unmodified => "Existing file is unversioned and unmodified",
            Self::UnmodifiedOtherHash => {
                "Existing file is unversioned and unmodified - hash doesn't match source file"
            }
            Self::SameHash => "Existing file is unversioned and unmodified - hash matches source file",
            Self::CompanionParentInstalled => "Companion parent file is to be installed",
            Self::CompanionParentKept => "Companion parent file is not to be installed",
            Self::PatchRemoved => "Existing file is of a patch that is being removed",
        }
    }
}

/// Decides about a file that is no companion. `language` is the product's.
pub fn decide(
    incoming: &IncomingFile<'_>,
    existing: Option<&ExistingFile<'_>>,
    mode: ReinstallMode,
    language: u16,
) -> Decision {
    let Some(existing) = existing else { return Decision::install(Reason::NoExistingFile) };
    if mode.files == OverwriteMode::All {
        return Decision::install(Reason::AllFiles);
    }
    if mode.verify_checksums && incoming.has_checksum && existing.corrupt {
        return Decision::install(Reason::Corrupt);
    }
    if mode.files == OverwriteMode::Missing {
        return Decision::keep(Reason::OnlyMissingFiles);
    }
    match (incoming.version, existing.version) {
        (Some(new), Some(old)) => match new.cmp(&old) {
            Ordering::Greater => Decision::install(Reason::LowerVersion),
            Ordering::Less if mode.files == OverwriteMode::Different => {
                Decision::install(Reason::DifferentVersion)
            }
            Ordering::Less => Decision::keep(Reason::HigherVersion),
            Ordering::Equal => decide_by_language(incoming, existing, mode, language),
        },
        (Some(_), None) => Decision::install(Reason::Unversioned),
        (None, Some(_)) if mode.files == OverwriteMode::Different => {
            Decision::install(Reason::DifferentVersion)
        }
        (None, Some(_)) => Decision::keep(Reason::Versioned),
        (None, None) => decide_unversioned(incoming, existing, mode),
    }
}

fn decide_by_language(
    incoming: &IncomingFile<'_>,
    existing: &ExistingFile<'_>,
    mode: ReinstallMode,
    language: u16,
) -> Decision {
    let only_new: Vec<u16> = difference(incoming.languages, existing.languages);
    let only_old: Vec<u16> = difference(existing.languages, incoming.languages);
    match (only_new.is_empty(), only_old.is_empty()) {
        (true, true) if mode.files == OverwriteMode::OlderOrEqual => {
            Decision::install(Reason::EqualVersionRequested)
        }
        (true, true) => Decision::keep(Reason::EqualVersion),
        (false, true) => Decision::install(Reason::WantedLanguage),
        (true, false) => Decision::keep(Reason::ExistingLanguage),
        (false, false) if only_old.contains(&language) => Decision::keep(Reason::ExistingLanguage),
        (false, false) => Decision::install(Reason::WantedLanguage),
    }
}

fn difference(left: &[u16], right: &[u16]) -> Vec<u16> {
    left.iter().copied().filter(|language| !right.contains(language)).collect()
}

fn decide_unversioned(
    incoming: &IncomingFile<'_>,
    existing: &ExistingFile<'_>,
    mode: ReinstallMode,
) -> Decision {
    if existing.modified {
        return Decision::keep(Reason::Modified);
    }
    match incoming.hash {
        Some(hash) if existing.hash == Some(hash) => {
            if mode.files == OverwriteMode::OlderOrEqual {
                Decision::install(Reason::EqualVersionRequested)
            } else {
                Decision::keep(Reason::SameHash)
            }
        }
        Some(_) if existing.hash.is_some() => Decision::install(Reason::UnmodifiedOtherHash),
        _ => Decision::install(Reason::Unmodified),
    }
}

/// Decides about a companion by what was decided about its parent.
pub fn decide_companion(parent: Decision, companion_exists: bool, mode: ReinstallMode) -> Decision {
    if mode.files == OverwriteMode::All {
        return Decision::install(Reason::AllFiles);
    }
    if mode.files == OverwriteMode::Missing && companion_exists {
        return Decision::keep(Reason::OnlyMissingFiles);
    }
    if parent.overwrite {
        let reason = if companion_exists { Reason::CompanionParentInstalled } else { Reason::NoExistingFile };
        return Decision::install(reason);
    }
    if parent.reason != Reason::EqualVersion {
        return Decision::keep(Reason::CompanionParentKept);
    }
    if !companion_exists {
        return Decision::install(Reason::NoExistingFile);
    }
    match mode.files {
        OverwriteMode::Older | OverwriteMode::OlderOrEqual => {
            Decision::install(Reason::EqualVersionRequested)
        }
        _ => Decision::keep(Reason::CompanionParentKept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: u16 = 1033;
    const FRENCH: u16 = 1036;
    const SPANISH: u16 = 1034;
    const ITALIAN: u16 = 1040;
    const GERMAN: u16 = 1031;

    fn mode(letters: &str) -> ReinstallMode {
        ReinstallMode::parse(letters).unwrap()
    }

    fn version(text: &str) -> Option<FileVersion> {
        text.parse().ok()
    }

    #[test]
    fn follows_the_documented_example() {
        // Name, existing version, modified, languages; incoming version, languages; whether it is replaced.
        type Side<'s> = (&'s str, &'s [u16]);
        let cases: [(&str, Side, bool, Side, bool); 10] = [
            ("FileA", ("1.0", &[ENGLISH]), false, ("1.0", &[ENGLISH]), false),
            ("FileB", ("2.0", &[ENGLISH]), false, ("1.0", &[ENGLISH]), false),
            ("FileC", ("1.0", &[ENGLISH]), false, ("2.0", &[ENGLISH]), true),
            ("FileD", ("1.0", &[ENGLISH]), true, ("2.0", &[FRENCH]), true),
            ("FileE", ("", &[]), false, ("", &[]), true),
            ("FileF", ("", &[]), true, ("", &[]), false),
            ("FileG", ("1.0", &[ENGLISH]), false, ("1.0", &[FRENCH]), true),
            (
                "FileH",
                ("1.0", &[ENGLISH, FRENCH, SPANISH]),
                false,
                ("1.0", &[ITALIAN, ENGLISH, GERMAN]),
                true,
            ),
            ("FileI", ("1.0", &[ENGLISH, FRENCH]), false, ("1.0", &[ENGLISH, FRENCH, SPANISH]), true),
            ("FileJ", ("1.0", &[ENGLISH, GERMAN, ITALIAN]), false, ("1.0", &[GERMAN]), false),
        ];
        for (name, old, modified, new, replaced) in cases {
            let existing = ExistingFile {
                version: version(old.0),
                languages: old.1,
                modified,
                ..ExistingFile::default()
            };
            let incoming =
                IncomingFile { version: version(new.0), languages: new.1, ..IncomingFile::default() };
            let decision = decide(&incoming, Some(&existing), ReinstallMode::default(), GERMAN);
            assert_eq!(decision.overwrite, replaced, "{name}");
        }
    }

    #[test]
    fn follows_each_letter() {
        let old = Some("1.0");
        let cases = [
            ("p", "2.0", old, false, Reason::OnlyMissingFiles),
            ("p", "2.0", None, true, Reason::NoExistingFile),
            ("o", "2.0", old, true, Reason::LowerVersion),
            ("o", "1.0", old, false, Reason::EqualVersion),
            ("o", "0.9", old, false, Reason::HigherVersion),
            ("e", "1.0", old, true, Reason::EqualVersionRequested),
            ("e", "0.9", old, false, Reason::HigherVersion),
            ("d", "0.9", old, true, Reason::DifferentVersion),
            ("d", "1.0", old, false, Reason::EqualVersion),
            ("a", "0.9", old, true, Reason::AllFiles),
            ("o", "", old, false, Reason::Versioned),
            ("o", "2.0", Some(""), true, Reason::Unversioned),
        ];
        for (letters, new, old, overwrite, reason) in cases {
            let existing = old.map(|old| ExistingFile { version: version(old), ..ExistingFile::default() });
            let incoming = IncomingFile { version: version(new), ..IncomingFile::default() };
            let decision = decide(&incoming, existing.as_ref(), mode(letters), ENGLISH);
            assert_eq!(decision, Decision { overwrite, reason }, "{letters} {new} {old:?}");
        }
        let corrupt = ExistingFile { version: version("1.0"), corrupt: true, ..ExistingFile::default() };
        let incoming =
            IncomingFile { version: version("1.0"), has_checksum: true, ..IncomingFile::default() };
        assert_eq!(decide(&incoming, Some(&corrupt), mode("oc"), ENGLISH).reason, Reason::Corrupt);
        assert_eq!(decide(&incoming, Some(&corrupt), mode("o"), ENGLISH).reason, Reason::EqualVersion);
    }

    #[test]
    fn compares_hashes_of_unversioned_files() {
        let hash = Some([1, 2, 3, 4]);
        let incoming = IncomingFile { hash, ..IncomingFile::default() };
        let same = ExistingFile { hash, ..ExistingFile::default() };
        let other = ExistingFile { hash: Some([0; 4]), ..ExistingFile::default() };
        let modified = ExistingFile { hash: Some([0; 4]), modified: true, ..ExistingFile::default() };
        let decide = |existing| decide(&incoming, Some(existing), ReinstallMode::default(), 0).to_string();
        assert_eq!(
            decide(&same),
            "Won't Overwrite;\tWon't patch;\tExisting file is unversioned and unmodified - hash matches source file"
        );
        assert_eq!(
            decide(&other),
            "Overwrite;\tWon't patch;\tExisting file is unversioned and unmodified - hash doesn't match source file"
        );
        assert_eq!(
            decide(&modified),
            "Won't Overwrite;\tWon't patch;\tExisting file is unversioned but modified"
        );
    }

    #[test]
    fn companions_follow_their_parent() {
        let cases = [
            (Decision::install(Reason::LowerVersion), true, "o", true),
            (Decision::keep(Reason::HigherVersion), true, "o", false),
            (Decision::keep(Reason::HigherVersion), false, "o", false),
            (Decision::keep(Reason::EqualVersion), false, "d", true),
            (Decision::keep(Reason::EqualVersion), true, "d", false),
            (Decision::keep(Reason::EqualVersion), true, "o", true),
            (Decision::keep(Reason::HigherVersion), true, "a", true),
        ];
        for (parent, exists, letters, installed) in cases {
            let decision = decide_companion(parent, exists, mode(letters));
            assert_eq!(decision.overwrite, installed, "{parent:?} {exists} {letters}");
        }
    }
}
