//! Making a new prefix without Wine.
//!
//! The prefix is made beside its place and renamed to it when it is whole, so that a half-made one is never taken for a
//! machine. A Wine that is started in it later adopts it: it adds its own files and keys and keeps these.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::MachineError;
use crate::machine::{Bitness, Machine};
use crate::registry::Part;
use crate::registry_file::RegistryFile;
use crate::registry_store::{new_part, write_new};
use crate::registry_value::RegistryValue;
use crate::registry_view::SHARED;
use crate::windows_path::check_name;

/// The folders of the machine, beneath `drive_c`.
const FOLDERS: [&str; 24] = [
    "Program Files/Common Files",
    "ProgramData/Microsoft/Windows/Start Menu/Programs/Administrative Tools",
    "ProgramData/Microsoft/Windows/Start Menu/Programs/StartUp",
    "ProgramData/Microsoft/Windows/Templates",
    "users/Public/Desktop",
    "users/Public/Documents",
    "users/Public/Downloads",
    "users/Public/Music",
    "users/Public/Pictures",
    "users/Public/Videos",
    "windows/Fonts",
    "windows/Installer",
    "windows/globalization",
    "windows/help",
    "windows/inf",
    "windows/logs",
    "windows/resources",
    "windows/system",
    "windows/system32/config",
    "windows/system32/drivers/etc",
    "windows/system32/spool",
    "windows/tasks",
    "windows/temp",
    "windows/winsxs",
];

/// Further folders of a 64-bit machine.
const FOLDERS_64: [&str; 2] = ["Program Files (x86)/Common Files", "windows/syswow64"];

/// The folders of a user, beneath `users/<name>`.
const USER_FOLDERS: [&str; 24] = [
    "AppData/Local/Microsoft/Windows/History",
    "AppData/Local/Microsoft/Windows/INetCache",
    "AppData/Local/Microsoft/Windows/INetCookies",
    "AppData/LocalLow",
    "AppData/Roaming/Microsoft/Windows/Network Shortcuts",
    "AppData/Roaming/Microsoft/Windows/Printer Shortcuts",
    "AppData/Roaming/Microsoft/Windows/Recent",
    "AppData/Roaming/Microsoft/Windows/SendTo",
    "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Administrative Tools",
    "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/StartUp",
    "AppData/Roaming/Microsoft/Windows/Templates",
    "Contacts",
    "Desktop",
    "Documents",
    "Downloads",
    "Favorites",
    "Links",
    "Music",
    "Pictures",
    "Saved Games",
    "Searches",
    "Temp",
    "Videos",
    "AppData/Local/Programs",
];

const CURRENT_VERSION: &str = r"Software\Microsoft\Windows\CurrentVersion";
const ENVIRONMENT: &str = r"System\CurrentControlSet\Control\Session Manager\Environment";
const PROFILE_LIST: &str = r"Software\Microsoft\Windows NT\CurrentVersion\ProfileList";

impl Machine {
    /// Makes a new prefix for the user who runs this. The folder must not exist, or be empty.
    ///
    /// # Errors
    /// When there is something in the folder, or the system refuses.
    pub fn create(prefix: &Path, bitness: Bitness) -> Result<Self, MachineError> {
        Self::create_for(prefix, bitness, &user_name())
    }

    /// Makes a new prefix whose user has this name.
    ///
    /// # Errors
    /// As [`Machine::create`], and when the name cannot be that of a folder.
    pub fn create_for(prefix: &Path, bitness: Bitness, user: &str) -> Result<Self, MachineError> {
        check_name(user)?;
        let failed = |error| MachineError::unix("create the prefix", prefix, error);
        match std::fs::read_dir(prefix) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(MachineError::PrefixExists { prefix: prefix.to_owned() });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let absolute = std::path::absolute(prefix).map_err(failed)?;
        let parent = absolute.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent).map_err(failed)?;
        let unfinished = unfinished_name(parent, &absolute);
        std::fs::create_dir(&unfinished).map_err(failed)?;
        let made = fill(&unfinished, bitness, user).and_then(|()| {
            std::fs::rename(&unfinished, &absolute).map_err(failed)?;
            std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)
        });
        if let Err(error) = made {
            let left = if unfinished.exists() { &unfinished } else { &absolute };
            if let Err(error) = std::fs::remove_dir_all(left) {
                tracing::warn!(folder = %left.display(), %error, "an unfinished prefix is left");
            }
            return Err(error);
        }
        Self::open(&absolute)
    }
}

fn unfinished_name(parent: &Path, prefix: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(prefix.file_name().unwrap_or("prefix".as_ref()));
    name.push(format!(".{}.unfinished", std::process::id()));
    parent.join(name)
}

fn fill(prefix: &Path, bitness: Bitness, user: &str) -> Result<(), MachineError> {
    let failed = |error| MachineError::unix("fill the prefix", prefix, error);
    let drive = prefix.join("drive_c");
    let further: &[&str] = if bitness == Bitness::X64 { &FOLDERS_64 } else { &[] };
    for folder in FOLDERS.iter().chain(further) {
        std::fs::create_dir_all(drive.join(folder)).map_err(failed)?;
    }
    for folder in USER_FOLDERS {
        std::fs::create_dir_all(drive.join("users").join(user).join(folder)).map_err(failed)?;
    }
    let devices = prefix.join("dosdevices");
    std::fs::create_dir(&devices).map_err(failed)?;
    symlink("../drive_c", devices.join("c:")).map_err(failed)?;
    symlink("/", devices.join("z:")).map_err(failed)?;
    write_new(prefix, Part::Machine, &machine_part(bitness, user))?;
    write_new(prefix, Part::User, &user_part(bitness, user))?;
    write_new(prefix, Part::Default, &new_part(Part::Default, bitness))
}

/// Sets texts of one key; those with a reference to a variable are `REG_EXPAND_SZ`.
fn set_texts(file: &mut RegistryFile, key: &str, texts: &[(&str, &str)]) {
    for (name, text) in texts {
        let value = if text.contains('%') {
            RegistryValue::ExpandString((*text).to_owned())
        } else {
            RegistryValue::String((*text).to_owned())
        };
        file.set_value(key, name, value);
    }
}

fn machine_part(bitness: Bitness, user: &str) -> RegistryFile {
    let mut file = new_part(Part::Machine, bitness);
    let x64 = bitness == Bitness::X64;
    if x64 {
        add_links(&mut file);
    }
    let native = [
        ("CommonFilesDir", r"C:\Program Files\Common Files"),
        ("ProgramFilesDir", r"C:\Program Files"),
        ("ProgramFilesPath", "%ProgramFiles%"),
    ];
    set_texts(&mut file, CURRENT_VERSION, &native);
    if x64 {
        let narrow = [
            ("CommonFilesDir (x86)", r"C:\Program Files (x86)\Common Files"),
            ("ProgramFilesDir (x86)", r"C:\Program Files (x86)"),
        ];
        set_texts(&mut file, CURRENT_VERSION, &narrow);
        let wow = [
            ("CommonFilesDir", r"C:\Program Files (x86)\Common Files"),
            ("ProgramFilesDir", r"C:\Program Files (x86)"),
            ("ProgramFilesPath", "%ProgramFiles(x86)%"),
        ];
        set_texts(&mut file, r"Software\Wow6432Node\Microsoft\Windows\CurrentVersion", &wow);
        let both =
            [("CommonW6432Dir", r"C:\Program Files\Common Files"), ("ProgramW6432Dir", r"C:\Program Files")];
        set_texts(&mut file, CURRENT_VERSION, &both);
    }
    let folders = format!(r"{CURRENT_VERSION}\Explorer\Shell Folders");
    let user_folders = format!(r"{CURRENT_VERSION}\Explorer\User Shell Folders");
    for (name, variable, path) in COMMON_SHELL_FOLDERS {
        let value = if *variable == "ProgramData" { r"C:\ProgramData" } else { r"C:\users\Public" };
        set_texts(&mut file, &folders, &[(name, &format!("{value}{path}"))]);
        set_texts(&mut file, &user_folders, &[(name, &format!("%{variable}%{path}"))]);
    }
    set_texts(&mut file, r"Software\Microsoft\Windows NT\CurrentVersion", &[("SystemRoot", r"C:\windows")]);
    for (name, path) in [
        ("ProfilesDirectory", r"C:\users"),
        ("ProgramData", r"C:\ProgramData"),
        ("Public", r"C:\users\Public"),
    ] {
        file.set_value(PROFILE_LIST, name, RegistryValue::ExpandString(path.to_owned()));
    }
    let profile = format!(r"{PROFILE_LIST}\S-1-5-21-0-0-0-1000");
    set_texts(&mut file, &profile, &[("ProfileImagePath", &format!(r"C:\users\{user}"))]);
    file.set_value(&profile, "Flags", RegistryValue::Dword(0));
    let environment = [
        ("ComSpec", r"%SystemRoot%\system32\cmd.exe"),
        ("OS", "Windows_NT"),
        ("PATH", r"%SystemRoot%\system32;%SystemRoot%;%SystemRoot%\system32\wbem"),
        ("PATHEXT", ".com;.exe;.bat;.cmd;.vbs;.vbe;.js;.jse;.wsf;.wsh"),
        ("PROCESSOR_ARCHITECTURE", if x64 { "AMD64" } else { "x86" }),
        ("TEMP", r"%SystemRoot%\temp"),
        ("TMP", r"%SystemRoot%\temp"),
        ("windir", "%SystemRoot%"),
        ("winsysdir", r"C:\windows\system32"),
    ];
    set_texts(&mut file, ENVIRONMENT, &environment);
    file.create_key(r"Software\Classes");
    file
}

/// The links by which the 32-bit view shares keys; those of classes are documented on the page
/// `WinProg64/shared-registry-keys.md`, the others follow from its table.
fn add_links(file: &mut RegistryFile) {
    file.set_link(r"Software\Wow6432Node\Classes", r"Software\Classes\Wow6432Node");
    for class in ["AppId", "Protocols", "TypeLib"] {
        file.set_link(
            &format!(r"Software\Classes\Wow6432Node\{class}"),
            &format!(r"Software\Classes\{class}"),
        );
    }
    for key in SHARED {
        file.set_link(&format!(r"Software\Wow6432Node\{key}"), &format!(r"Software\{key}"));
    }
}

/// Folders of all users: the value's name, the variable, and the path after it.
const COMMON_SHELL_FOLDERS: &[(&str, &str, &str)] = &[
    (
        "Common Administrative Tools",
        "ProgramData",
        r"\Microsoft\Windows\Start Menu\Programs\Administrative Tools",
    ),
    ("Common AppData", "ProgramData", ""),
    ("Common Desktop", "PUBLIC", r"\Desktop"),
    ("Common Documents", "PUBLIC", r"\Documents"),
    ("Common Programs", "ProgramData", r"\Microsoft\Windows\Start Menu\Programs"),
    ("Common Start Menu", "ProgramData", r"\Microsoft\Windows\Start Menu"),
    ("Common StartUp", "ProgramData", r"\Microsoft\Windows\Start Menu\Programs\StartUp"),
    ("Common Templates", "ProgramData", r"\Microsoft\Windows\Templates"),
    ("CommonMusic", "PUBLIC", r"\Music"),
    ("CommonPictures", "PUBLIC", r"\Pictures"),
    ("CommonVideo", "PUBLIC", r"\Videos"),
];

/// Folders of a user: the value's name, and the path from the profile.
const USER_SHELL_FOLDERS: [(&str, &str); 26] = [
    ("Administrative Tools", r"AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Administrative Tools"),
    ("AppData", r"AppData\Roaming"),
    ("Cache", r"AppData\Local\Microsoft\Windows\INetCache"),
    ("Cookies", r"AppData\Local\Microsoft\Windows\INetCookies"),
    ("Desktop", "Desktop"),
    ("Favorites", "Favorites"),
    ("History", r"AppData\Local\Microsoft\Windows\History"),
    ("Local AppData", r"AppData\Local"),
    ("My Music", "Music"),
    ("My Pictures", "Pictures"),
    ("My Videos", "Videos"),
    ("NetHood", r"AppData\Roaming\Microsoft\Windows\Network Shortcuts"),
    ("Personal", "Documents"),
    ("PrintHood", r"AppData\Roaming\Microsoft\Windows\Printer Shortcuts"),
    ("Programs", r"AppData\Roaming\Microsoft\Windows\Start Menu\Programs"),
    ("Recent", r"AppData\Roaming\Microsoft\Windows\Recent"),
    ("SendTo", r"AppData\Roaming\Microsoft\Windows\SendTo"),
    ("Start Menu", r"AppData\Roaming\Microsoft\Windows\Start Menu"),
    ("StartUp", r"AppData\Roaming\Microsoft\Windows\Start Menu\Programs\StartUp"),
    ("Templates", r"AppData\Roaming\Microsoft\Windows\Templates"),
    ("{374DE290-123F-4565-9164-39C4925E467B}", "Downloads"),
    ("{4C5C32FF-BB9D-43B0-B5B4-2D72E54EAAA4}", "Saved Games"),
    ("{56784854-C6CB-462B-8169-88E350ACB882}", "Contacts"),
    ("{7D1D3A04-DEBB-4115-95CF-2F29DA2920DA}", "Searches"),
    ("{A520A1A4-1780-4FF6-BD18-167343C5AF16}", r"AppData\LocalLow"),
    ("{BFB9D5E0-C6A9-404C-B2B2-AE6DB6AF4968}", "Links"),
];

fn user_part(bitness: Bitness, user: &str) -> RegistryFile {
    let mut file = new_part(Part::User, bitness);
    let folders = format!(r"{CURRENT_VERSION}\Explorer\Shell Folders");
    let user_folders = format!(r"{CURRENT_VERSION}\Explorer\User Shell Folders");
    for (name, path) in USER_SHELL_FOLDERS {
        set_texts(&mut file, &folders, &[(name, &format!(r"C:\users\{user}\{path}"))]);
        set_texts(&mut file, &user_folders, &[(name, &format!(r"%USERPROFILE%\{path}"))]);
    }
    set_texts(&mut file, &folders, &[("Fonts", r"C:\windows\Fonts")]);
    let temp = format!(r"C:\users\{user}\Temp");
    set_texts(&mut file, "Environment", &[("TEMP", &temp), ("TMP", &temp)]);
    file
}

/// The name of the user who runs this, for the folder in `users`.
pub(crate) fn user_name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let name = Account::of(uid).map(|account| account.name);
    // Users of a directory service are not in the file; the number tells them apart as well.
    name.filter(|name| check_name(name).is_ok()).unwrap_or_else(|| format!("user{uid}"))
}
