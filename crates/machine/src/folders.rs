//! Where the machine's known folders are.
//!
//! Which folders an installer knows is documented on the page `property-reference.md` (system folder properties); the
//! names of the registry values on the page `shell/csidl.md`. The registry decides where it names a folder.

use crate::machine::{Bitness, Machine};
use crate::registry_key::{Hive, RegistryKey, View};
use crate::windows_path::WindowsPath;

/// A folder with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Their names are those of the documented properties.
pub enum KnownFolder {
    /// Program files of programs as wide as the machine: `ProgramFiles64Folder` on a 64-bit machine.
    ProgramFiles64,
    /// Program files of 32-bit programs: `ProgramFilesFolder`.
    ProgramFiles32,
    /// `CommonFiles64Folder` on a 64-bit machine.
    CommonFiles64,
    /// `CommonFilesFolder`.
    CommonFiles32,
    /// `WindowsFolder`.
    Windows,
    /// The root of the drive with the Windows folder: `WindowsVolume`.
    WindowsVolume,
    /// The system folder of the machine itself: `System64Folder` on a 64-bit machine.
    System64,
    /// The system folder of 32-bit programs: `SystemFolder`.
    System32,
    /// The folder of 16-bit programs: `System16Folder`.
    System16,
    /// `FontsFolder`.
    Fonts,
    /// The folder of cached packages in the Windows folder.
    Installer,
    /// The Windows folder's own folder for temporary files.
    WindowsTemp,
    /// The user's folder for temporary files: `TempFolder`.
    Temp,
    /// `AppDataFolder`.
    AppData,
    /// `LocalAppDataFolder`.
    LocalAppData,
    /// `CommonAppDataFolder`.
    CommonAppData,
    /// The user's profile.
    Profile,
    /// `PersonalFolder`.
    Personal,
    /// `MyPicturesFolder`.
    MyPictures,
    Music,
    Videos,
    /// `FavoritesFolder`.
    Favorites,
    /// `NetHoodFolder`.
    NetHood,
    /// `PrintHoodFolder`.
    PrintHood,
    /// `RecentFolder`.
    Recent,
    /// `SendToFolder`.
    SendTo,
    /// The user's `DesktopFolder`.
    Desktop,
    /// The user's `StartMenuFolder`.
    StartMenu,
    /// The user's `ProgramMenuFolder`.
    Programs,
    /// The user's `StartupFolder`.
    Startup,
    /// The user's `AdminToolsFolder`.
    AdminTools,
    /// The user's `TemplateFolder`.
    Templates,
    /// `DesktopFolder` of all users.
    CommonDesktop,
    /// `StartMenuFolder` of all users.
    CommonStartMenu,
    /// `ProgramMenuFolder` of all users.
    CommonPrograms,
    /// `StartupFolder` of all users.
    CommonStartup,
    /// `AdminToolsFolder` of all users.
    CommonAdminTools,
    /// `TemplateFolder` of all users.
    CommonTemplates,
    CommonDocuments,
    CommonPictures,
}

const CURRENT_VERSION: &str = r"Software\Microsoft\Windows\CurrentVersion";
const SHELL_FOLDERS: &str = r"Software\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders";

/// How a folder is found: the hive, key and value that name it, and where it is when they do not.
struct Place {
    hive: Hive,
    key: &'static str,
    value: &'static str,
    /// From the drive; `~` is the user's profile.
    usual: &'static str,
}

const fn machine(value: &'static str, usual: &'static str) -> Place {
    Place { hive: Hive::LocalMachine, key: SHELL_FOLDERS, value, usual }
}

const fn user(value: &'static str, usual: &'static str) -> Place {
    Place { hive: Hive::CurrentUser, key: SHELL_FOLDERS, value, usual }
}

const fn version(value: &'static str, usual: &'static str) -> Place {
    Place { hive: Hive::LocalMachine, key: CURRENT_VERSION, value, usual }
}

const fn fixed(usual: &'static str) -> Place {
    Place { hive: Hive::LocalMachine, key: "", value: "", usual }
}

fn place(folder: KnownFolder, bitness: Bitness) -> Place {
    use KnownFolder as K;
    let x64 = bitness == Bitness::X64;
    match folder {
        K::ProgramFiles32 if x64 => version("ProgramFilesDir (x86)", r"C:\Program Files (x86)"),
        K::CommonFiles32 if x64 => version("CommonFilesDir (x86)", r"C:\Program Files (x86)\Common Files"),
        K::System32 if x64 => fixed(r"C:\windows\syswow64"),
        K::ProgramFiles64 | K::ProgramFiles32 => version("ProgramFilesDir", r"C:\Program Files"),
        K::CommonFiles64 | K::CommonFiles32 => version("CommonFilesDir", r"C:\Program Files\Common Files"),
        K::System64 | K::System32 => fixed(r"C:\windows\system32"),
        K::System16 => fixed(r"C:\windows\system"),
        K::Windows => fixed(r"C:\windows"),
        K::WindowsVolume => fixed("C:\\"),
        K::Installer => fixed(r"C:\windows\Installer"),
        K::WindowsTemp => fixed(r"C:\windows\temp"),
        K::Fonts => fixed(r"C:\windows\Fonts"),
        K::Temp => Place { hive: Hive::CurrentUser, key: "Environment", value: "TEMP", usual: r"~\Temp" },
        K::AppData => user("AppData", r"~\AppData\Roaming"),
        K::LocalAppData => user("Local AppData", r"~\AppData\Local"),
        K::CommonAppData => machine("Common AppData", r"C:\ProgramData"),
        K::Profile => fixed("~"),
        K::Personal => user("Personal", r"~\Documents"),
        K::MyPictures => user("My Pictures", r"~\Pictures"),
        K::Music => user("My Music", r"~\Music"),
        K::Videos => user("My Videos", r"~\Videos"),
        K::Favorites => user("Favorites", r"~\Favorites"),
        K::NetHood => user("NetHood", r"~\AppData\Roaming\Microsoft\Windows\Network Shortcuts"),
        K::PrintHood => user("PrintHood", r"~\AppData\Roaming\Microsoft\Windows\Printer Shortcuts"),
        K::Recent => user("Recent", r"~\AppData\Roaming\Microsoft\Windows\Recent"),
        K::SendTo => user("SendTo", r"~\AppData\Roaming\Microsoft\Windows\SendTo"),
        K::Desktop => user("Desktop", r"~\Desktop"),
        K::StartMenu => user("Start Menu", r"~\AppData\Roaming\Microsoft\Windows\Start Menu"),
        K::Programs => user("Programs", r"~\AppData\Roaming\Microsoft\Windows\Start Menu\Programs"),
        K::Startup => user("StartUp", r"~\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\StartUp"),
        K::AdminTools => user(
            "Administrative Tools",
            r"~\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Administrative Tools",
        ),
        K::Templates => user("Templates", r"~\AppData\Roaming\Microsoft\Windows\Templates"),
        K::CommonDesktop => machine("Common Desktop", r"C:\users\Public\Desktop"),
        K::CommonStartMenu => machine("Common Start Menu", r"C:\ProgramData\Microsoft\Windows\Start Menu"),
        K::CommonPrograms => {
            machine("Common Programs", r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs")
        }
        K::CommonStartup => {
            machine("Common StartUp", r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp")
        }
        K::CommonAdminTools => machine(
            "Common Administrative Tools",
            r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs\Administrative Tools",
        ),
        K::CommonTemplates => machine("Common Templates", r"C:\ProgramData\Microsoft\Windows\Templates"),
        K::CommonDocuments => machine("Common Documents", r"C:\users\Public\Documents"),
        K::CommonPictures => machine("CommonPictures", r"C:\users\Public\Pictures"),
    }
}

impl Machine {
    /// Where a folder is. It need not exist. For one of the user's that a link takes out of the prefix, that of all users.
    pub fn folder(&self, folder: KnownFolder) -> WindowsPath {
        let own = self.own_folder(folder);
        self.stand_in(folder, &own).unwrap_or(own)
    }

    /// The same wherever it leads.
    pub(crate) fn own_folder(&self, folder: KnownFolder) -> WindowsPath {
        let place = place(folder, self.bitness());
        let named = || {
            if place.value.is_empty() {
                return None;
            }
            let key = RegistryKey::in_view(place.hive, View::Native, place.key);
            let value = self.registry().ok()?.value(&key, place.value)?;
            // A value that is no path, such as one with a variable, says nothing that can be used.
            WindowsPath::parse(value.as_text()?).ok()
        };
        named().or_else(|| self.usual_folder(place.usual)).unwrap_or_else(WindowsPath::drive_c)
    }

    fn usual_folder(&self, usual: &str) -> Option<WindowsPath> {
        match usual.strip_prefix('~') {
            Some(rest) => WindowsPath::parse(&format!(r"C:\users\{}{rest}", self.user())).ok(),
            None => WindowsPath::parse(usual).ok(),
        }
    }

    /// The name of the user, as the registry names the profile.
    pub fn user(&self) -> String {
        let profile = || {
            let registry = self.registry().ok()?;
            let list = RegistryKey::new(
                Hive::LocalMachine,
                r"Software\Microsoft\Windows NT\CurrentVersion\ProfileList",
            );
            let value = registry.value(&list.join(&registry.user_sid()?), "ProfileImagePath")?;
            Some(WindowsPath::parse(value.as_text()?).ok()?.file_name()?.to_owned())
        };
        profile().unwrap_or_else(crate::prefix::user_name)
    }
}
