//! The 32-bit view of the registry of a 64-bit machine.
//!
//! Which keys are redirected and which are shared is documented on the page `WinProg64/shared-registry-keys.md`, in the
//! column for Windows 7 and later.

use crate::registry_file::RegistryFile;
use crate::windows_path::fold;

/// The redirected keys below `Software\Classes`; all others there are shared.
const REDIRECTED_CLASSES: [&str; 5] = ["CLSID", "DirectShow", "Interface", "Media Type", "MediaFoundation"];

/// The shared keys below HKEY_LOCAL_MACHINE\Software, apart from `Classes`.
pub const SHARED: [&str; 48] = [
    r"Clients",
    r"Microsoft\COM3",
    r"Microsoft\Cryptography\Calais\Current",
    r"Microsoft\Cryptography\Calais\Readers",
    r"Microsoft\Cryptography\Services",
    r"Microsoft\CTF\SystemShared",
    r"Microsoft\CTF\TIP",
    r"Microsoft\DFS",
    r"Microsoft\Driver Signing",
    r"Microsoft\EnterpriseCertificates",
    r"Microsoft\EventSystem",
    r"Microsoft\MSMQ",
    r"Microsoft\Non-Driver Signing",
    r"Microsoft\Notepad\DefaultFonts",
    r"Microsoft\OLE",
    r"Microsoft\RAS",
    r"Microsoft\RPC",
    r"Microsoft\Shared Tools\MSInfo",
    r"Microsoft\SystemCertificates",
    r"Microsoft\TermServLicensing",
    r"Microsoft\TransactionServer",
    r"Microsoft\Windows\CurrentVersion\App Paths",
    r"Microsoft\Windows\CurrentVersion\Control Panel\Cursors\Schemes",
    r"Microsoft\Windows\CurrentVersion\Explorer\AutoplayHandlers",
    r"Microsoft\Windows\CurrentVersion\Explorer\DriveIcons",
    r"Microsoft\Windows\CurrentVersion\Explorer\KindMap",
    r"Microsoft\Windows\CurrentVersion\Group Policy",
    r"Microsoft\Windows\CurrentVersion\Policies",
    r"Microsoft\Windows\CurrentVersion\PreviewHandlers",
    r"Microsoft\Windows\CurrentVersion\Setup",
    r"Microsoft\Windows\CurrentVersion\Telephony\Locations",
    r"Microsoft\Windows NT\CurrentVersion\Console",
    r"Microsoft\Windows NT\CurrentVersion\FontDpi",
    r"Microsoft\Windows NT\CurrentVersion\FontLink",
    r"Microsoft\Windows NT\CurrentVersion\FontMapper",
    r"Microsoft\Windows NT\CurrentVersion\Fonts",
    r"Microsoft\Windows NT\CurrentVersion\FontSubstitutes",
    r"Microsoft\Windows NT\CurrentVersion\Gre_Initialize",
    r"Microsoft\Windows NT\CurrentVersion\Image File Execution Options",
    r"Microsoft\Windows NT\CurrentVersion\Language Pack",
    r"Microsoft\Windows NT\CurrentVersion\NetworkCards",
    r"Microsoft\Windows NT\CurrentVersion\Perflib",
    r"Microsoft\Windows NT\CurrentVersion\Ports",
    r"Microsoft\Windows NT\CurrentVersion\Print",
    r"Microsoft\Windows NT\CurrentVersion\ProfileList",
    r"Microsoft\Windows NT\CurrentVersion\Time Zones",
    r"Policies",
    r"RegisteredApplications",
];

/// Whether `path` is `key` or below it; both are folded.
fn is_within(path: &str, key: &str) -> bool {
    path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
}

/// Splits `first\rest` when the first names of `path` are `names`, whatever their letter case.
fn below<'p>(path: &'p str, names: &str) -> Option<&'p str> {
    let (start, rest) = path.split_at_checked(names.len())?;
    if !start.eq_ignore_ascii_case(names) {
        return None;
    }
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\\') }
}

fn joined(start: &str, rest: &str) -> String {
    if rest.is_empty() { start.to_owned() } else { format!("{start}\\{rest}") }
}

/// Where a 32-bit program's `path` of HKEY_LOCAL_MACHINE is.
pub fn wow32_machine_path(file: &RegistryFile, path: &str) -> String {
    let Some(rest) = below(path, "Software") else { return path.to_owned() };
    // The root of the view itself, and paths that name the other view, are not redirected again.
    if below(rest, "Wow6432Node").is_some() || below(rest, r"Classes\Wow6432Node").is_some() {
        return path.to_owned();
    }
    // With Wine's links every path is redirected, and the links lead those of shared keys back.
    if file.is_link(r"Software\Wow6432Node\Classes") {
        return joined(r"Software\Wow6432Node", rest);
    }
    if let Some(class) = below(rest, "Classes") {
        return wow32_classes_path(path, class);
    }
    let folded = fold(rest);
    if SHARED.iter().any(|key| is_within(&folded, &fold(key))) {
        return path.to_owned();
    }
    joined(r"Software\Wow6432Node", rest)
}

fn wow32_classes_path(path: &str, class: &str) -> String {
    let first = class.split('\\').next().unwrap_or_default();
    if REDIRECTED_CLASSES.iter().any(|key| first.eq_ignore_ascii_case(key)) {
        joined(r"Software\Classes\Wow6432Node", class)
    } else {
        path.to_owned()
    }
}

/// Where a 32-bit program's `path` of HKEY_CURRENT_USER is: only some classes are redirected.
pub fn wow32_user_path(path: &str) -> String {
    match below(path, r"Software\Classes") {
        Some(class) => wow32_classes_path(path, class),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Bitness;

    #[test]
    fn without_links_the_documented_table_decides() {
        let file = RegistryFile::new(r"REGISTRY\Machine", Bitness::X64);
        for (path, expected) in [
            (r"Software", r"Software\Wow6432Node"),
            (r"SOFTWARE\Vendor\X", r"Software\Wow6432Node\Vendor\X"),
            (r"SoftwareX\Y", r"SoftwareX\Y"),
            (r"System\CurrentControlSet", r"System\CurrentControlSet"),
            (r"Software\Classes\.txt", r"Software\Classes\.txt"),
            (r"Software\Classes\clsid\{x}", r"Software\Classes\Wow6432Node\clsid\{x}"),
            (
                r"Software\Microsoft\Windows\CurrentVersion\App Paths\a.exe",
                r"Software\Microsoft\Windows\CurrentVersion\App Paths\a.exe",
            ),
            (
                r"Software\Microsoft\Windows\CurrentVersion\Uninstall",
                r"Software\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
            ),
            (r"Software\Wow6432Node\A", r"Software\Wow6432Node\A"),
        ] {
            assert_eq!(wow32_machine_path(&file, path), expected);
        }
    }

    #[test]
    fn of_the_users_keys_only_some_classes_are_redirected() {
        assert_eq!(wow32_user_path(r"Software\Vendor"), r"Software\Vendor");
        assert_eq!(wow32_user_path(r"Software\Classes\.x"), r"Software\Classes\.x");
        assert_eq!(
            wow32_user_path(r"Software\Classes\Interface\{i}"),
            r"Software\Classes\Wow6432Node\Interface\{i}"
        );
    }
}
