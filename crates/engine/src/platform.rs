//! The Windows and the Windows Installer that packages are shown.
//!
//! Values follow the pages `operating-system-property-values.md`, `versionnt.md` and `versionmsi.md`. Nothing here looks
//! at the machine.

use std::fmt;
use std::str::FromStr;

/// A version of Windows, as packages see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowsVersion {
    /// The first number, 10 for Windows 10 and 11.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The build number.
    pub build: u32,
}

/// A text that names no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a version of {of}; examples: {examples}")]
pub struct VersionError {
    text: String,
    of: &'static str,
    examples: &'static str,
}

impl WindowsVersion {
    /// Windows Vista, the first one with a Restart Manager.
    pub const VISTA: Self = Self { major: 6, minor: 0, build: 0 };

    /// The property `VersionNT`: 100 × major + minor; it stays at 603 for everything newer than Windows 8.1.
    pub fn version_nt(self) -> u32 {
        (self.major * 100 + self.minor).min(603)
    }

    /// The property `ServicePackLevel`: the service pack of this build, or the last one that the version had where builds do
    /// not tell.
    pub fn service_pack(self) -> u32 {
        match (self.major, self.minor, self.build) {
            (5, 0, _) => 4,
            (5, 1, _) => 3,
            (5, 2, _) => 2,
            (6, 0, 6001) | (6, 1, 7601) => 1,
            (6, 0, 6002..) => 2,
            _ => 0,
        }
    }

    /// The property `MsiWin32AssemblySupport`: the version of sxs.dll as the installer sees it, from Windows XP on.
    pub fn sxs_version(self) -> Option<String> {
        let nt = self.version_nt();
        (nt >= 501).then(|| format!("{}.{}.{}.0", nt / 100, nt % 100, self.build))
    }

    /// The property `WindowsBuild`, which stays at 9600 where [`WindowsVersion::version_nt`] stays at 603.
    pub fn windows_build(self) -> u32 {
        if self.version_nt() == 603 { 9600 } else { self.build }
    }
}

impl Default for WindowsVersion {
    fn default() -> Self {
        Self { major: 10, minor: 0, build: 19045 }
    }
}

impl FromStr for WindowsVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error =
            || VersionError { text: text.to_owned(), of: "Windows", examples: "5.1, 6.0, 6.1, 10.0.19045" };
        let numbers = numbers(text).ok_or_else(error)?;
        let (major, minor, build) = match numbers[..] {
            [major, minor] => (major, minor, None),
            [major, minor, build] => (major, minor, Some(build)),
            _ => return Err(error()),
        };
        let first_build = match (major, minor) {
            (5, 0) => 2195,
            (5, 1) => 2600,
            (5, 2) => 3790,
            (6, 0) => 6000,
            (6, 1) => 7601,
            (6, 2) => 9200,
            (6, 3) => 9600,
            (10, 0) => 19045,
            _ => return Err(error()),
        };
        Ok(Self { major, minor, build: build.unwrap_or(first_build) })
    }
}

impl fmt::Display for WindowsVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

/// A version of Windows Installer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstallerVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl InstallerVersion {
    /// The first version that uses the Restart Manager.
    pub const WITH_RESTART_MANAGER: Self = Self { major: 4, minor: 0 };

    /// The property `VersionMsi`: the second number has two digits.
    pub fn version_msi(self) -> String {
        format!("{}.{:02}", self.major, self.minor)
    }

    /// The number in which a package's summary information states the installer that it needs: 100 × major + minor.
    pub fn schema(self) -> u32 {
        self.major * 100 + self.minor
    }
}

impl Default for InstallerVersion {
    fn default() -> Self {
        Self { major: 5, minor: 0 }
    }
}

impl FromStr for InstallerVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError {
            text: text.to_owned(),
            of: "Windows Installer",
            examples: "2.0, 3.1, 4.5, 5.0",
        };
        match numbers(text).as_deref() {
            Some(&[major @ 1..=5, minor @ 0..=99]) => Ok(Self { major, minor }),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for InstallerVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

/// What a package is told about the computer it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Platform {
    /// The presented Windows.
    pub windows: WindowsVersion,
    /// The presented Windows Installer.
    pub installer: InstallerVersion,
}

impl Platform {
    /// Whether this Windows has a Restart Manager and this installer uses it: Windows Installer 4.0 on Windows Vista, or
    /// later (page `msirestartmanagersessionkey.md`).
    pub fn has_restart_manager(self) -> bool {
        self.windows >= WindowsVersion::VISTA && self.installer >= InstallerVersion::WITH_RESTART_MANAGER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_give_the_documented_properties() {
        for (text, version_nt, build) in [
            ("5.1", 501, 2600),
            ("6.0", 600, 6000),
            ("6.1.7600", 601, 7600),
            ("6.3", 603, 9600),
            ("10.0.22631", 603, 9600),
        ] {
            let version: WindowsVersion = text.parse().unwrap();
            assert_eq!((version.version_nt(), version.windows_build()), (version_nt, build), "{text}");
        }
        assert_eq!("3.1".parse::<InstallerVersion>().unwrap().version_msi(), "3.01");
        assert_eq!("5.0".parse::<InstallerVersion>().unwrap().version_msi(), "5.00");
    }

    #[test]
    fn service_packs_and_assemblies_follow_from_the_build() {
        for (text, service_pack, sxs) in [
            ("5.0", 4, None),
            ("5.1", 3, Some("5.1.2600.0")),
            ("6.0.6002", 2, Some("6.0.6002.0")),
            ("6.1", 1, Some("6.1.7601.0")),
            ("6.1.7600", 0, Some("6.1.7600.0")),
            ("10.0.19045", 0, Some("6.3.19045.0")),
        ] {
            let version: WindowsVersion = text.parse().unwrap();
            assert_eq!(version.service_pack(), service_pack, "{text}");
            assert_eq!(version.sxs_version().as_deref(), sxs, "{text}");
        }
    }

    #[test]
    fn versions_that_never_were_are_refused() {
        for text in ["", "6", "7.0", "6.0.1.2", "6.x", "-1.0"] {
            assert!(text.parse::<WindowsVersion>().is_err(), "{text}");
        }
        for text in ["", "0.9", "6.0", "4", "4.5.6"] {
            assert!(text.parse::<InstallerVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_restart_manager_came_with_installer_4_on_vista() {
        for (windows, installer, expected) in
            [("6.0", "4.0", true), ("10.0", "5.0", true), ("5.1", "4.5", false), ("6.0", "3.1", false)]
        {
            let platform =
                Platform { windows: windows.parse().unwrap(), installer: installer.parse().unwrap() };
            assert_eq!(platform.has_restart_manager(), expected, "{windows} {installer}");
        }
    }
}
