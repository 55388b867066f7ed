//! The properties that the installer sets itself.
//!
//! See the pages `property-reference.md` and `order-of-property-precedence.md`: what the operating environment says
//! cannot be overridden by the command line, and the command line overrides the Property table.

use jiff::Zoned;
use reseat_machine::{Bitness, Hive, KnownFolder, Machine, RegistryKey, View};
use reseat_package::{PropertyRow, is_public};

use crate::actions::administrative;
use crate::client;
use crate::error::EngineError;
use crate::net_runtime;
use crate::session::Session;
use crate::suspension::RESUME;

/// Language of messages and of the presented Windows: English.
const LANGUAGE: &str = "1033";

/// The processor level that the properties of a processor show, as of every x64 processor since 2003.
const PROCESSOR_LEVEL: &str = "6";

/// What the screen of the presented Windows is like: packages ask whether it is large enough for their program.
const SCREEN: [(&str, &str); 7] = [
    ("ScreenX", "1920"),
    ("ScreenY", "1080"),
    ("ColorBits", "32"),
    ("TextHeight", "16"),
    ("CaptionHeight", "19"),
    ("BorderTop", "1"),
    ("BorderSide", "1"),
];

/// Sets the Property table's values, then those of the command line, then the installer's own.
///
/// # Errors
/// When the Property table cannot be read, or the command line sets a private property.
pub fn set_all(session: &mut Session<'_, '_>, command_line: &[(String, String)]) -> Result<(), EngineError> {
    let package = session.package.clone();
    for row in package.rows::<PropertyRow>()?.iter() {
        // Not a change: the log begins with them.
        session.properties.set(&row.property, &*row.value);
    }
    for (name, value) in administrative::saved_properties(&package)? {
        session.properties.set(&name, value);
    }
    session.hide_secrets();
    for (name, value) in command_line {
        if !is_public(name) {
            return Err(EngineError::CommandLine {
                reason: format!("{name} is a private property: names with lower-case letters cannot be set"),
            });
        }
        session.set_property(name, value);
    }
    for (name, value) in environment(session) {
        session.properties.set(name, value);
    }
    let is_dual_purpose = set_context(session);
    set_folders(session, is_dual_purpose);
    set_product_state(session);
    // Page `msisystemrebootpending.md`: not before Windows Installer 4.0.
    let installation = &*session.installation;
    if !installation.pending.waiting().is_empty() && installation.request.platform.installer.schema() >= 400 {
        session.set_property("MsiSystemRebootPending", "1");
    }
    Ok(())
}

fn environment(session: &Session<'_, '_>) -> Vec<(&'static str, String)> {
    let machine = session.machine();
    let platform = session.installation.request.platform;
    let version_nt = platform.windows.version_nt().to_string();
    let now = Zoned::now();
    let one = || "1".to_owned();
    let mut properties = vec![
        ("VersionNT", version_nt.clone()),
        ("WindowsBuild", platform.windows.windows_build().to_string()),
        ("ServicePackLevel", platform.windows.service_pack().to_string()),
        ("ServicePackLevelMinor", "0".to_owned()),
        ("MsiNTProductType", one()),
        ("VersionMsi", platform.installer.version_msi()),
        ("VersionDatabase", session.package.minimum_installer().unwrap_or(0).to_string()),
        ("Intel", PROCESSOR_LEVEL.to_owned()),
        ("AdminUser", one()),
        ("Privileged", one()),
        ("MsiRunningElevated", one()),
        ("ShellAdvtSupport", one()),
        ("OLEAdvtSupport", one()),
        ("TTCSupport", one()),
        ("RedirectedDllSupport", "2".to_owned()),
        ("SystemLanguageID", LANGUAGE.to_owned()),
        ("UserLanguageID", LANGUAGE.to_owned()),
        ("LogonUser", machine.user()),
        ("ComputerName", computer_name()),
        ("Date", now.strftime("%-m/%-d/%Y").to_string()),
        ("Time", now.strftime("%-H:%M:%S").to_string()),
        ("PhysicalMemory", memory("MemTotal:")),
        ("VirtualMemory", memory("SwapTotal:")),
        ("UILevel", client::ui_level(session).number().to_string()),
        ("ACTION", session.top_level.name().to_owned()),
        ("EXECUTEACTION", session.top_level.name().to_owned()),
        ("PackageCode", session.package.package_code().map(|code| code.to_string()).unwrap_or_default()),
        ("OriginalDatabase", session.shown_path(&session.basis.file)),
        ("DATABASE", session.shown_path(&session.package_path)),
    ];
    properties.extend(SCREEN.map(|(name, value)| (name, value.to_owned())));
    properties.extend(platform.windows.sxs_version().map(|version| ("MsiWin32AssemblySupport", version)));
    let net = net_runtime::version(machine);
    properties.extend(net.map(|version| ("MsiNetAssemblySupport", version.to_string())));
    let request = &session.installation.request;
    properties.extend(request.hides_cancel.then(|| ("MsiUIHideCancel", one())));
    properties.extend(request.progress_only.then(|| ("MsiUIProgressOnly", one())));
    if machine.bitness() == Bitness::X64 {
        properties.push(("VersionNT64", version_nt));
        properties.push(("Msix64", PROCESSOR_LEVEL.to_owned()));
        properties.push(("MsiAMD64", PROCESSOR_LEVEL.to_owned()));
    }
    if session.package.summary().is_administrative() {
        properties.push(("IsAdminPackage", one()));
    }
    if let Some(sid) = machine.registry().ok().and_then(|registry| registry.user_sid()) {
        properties.push(("UserSID", sid));
    }
    if session.property("USERNAME").is_none() && session.property("NOUSERNAME").is_none() {
        properties.push(("USERNAME", machine.user()));
    }
    if session.property("COMPANYNAME").is_none() && session.property("NOCOMPANYNAME").is_none() {
        properties.extend(organization(machine).map(|name| ("COMPANYNAME", name)));
    }
    if let Some(log) = &session.installation.request.log_file {
        properties.push(("MsiLogFileLocation", session.shown_path(log)));
    }
    properties
}

/// The organization that Windows was set up for, if its registry names one (page `companyname.md`).
fn organization(machine: &Machine) -> Option<String> {
    let path = r"Software\Microsoft\Windows NT\CurrentVersion".to_owned();
    let key = RegistryKey { hive: Hive::LocalMachine, view: View::Native, path };
    let value = machine.registry().ok()?.value(&key, "RegisteredOrganization")?;
    value.as_text().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Settles ALLUSERS (page `allusers.md`): every user of a prefix may install for all its users. MSIINSTALLPERUSER counts since
/// Windows 7 and Windows Installer 5.0 (page `msiinstallperuser.md`). Says whether a package for both is installed for the user.
fn set_context(session: &mut Session<'_, '_>) -> bool {
    let platform = session.installation.request.platform;
    let knows = platform.windows.version_nt() >= 601 && platform.installer.schema() >= 500;
    match session.property("ALLUSERS") {
        Some("2") if knows && session.property("MSIINSTALLPERUSER") == Some("1") => {
            session.set_property("ALLUSERS", "");
            return !session.is_per_machine();
        }
        Some("2") => session.set_property("ALLUSERS", "1"),
        Some("1") | None => {}
        Some(other) => {
            let other = other.to_owned();
            session.warn(2601, &["ALLUSERS", &other], "the installation is for the user");
            session.set_property("ALLUSERS", "");
        }
    }
    false
}

/// Sets the properties of the known folders; some depend on whether the installation is for all users.
fn set_folders(session: &mut Session<'_, '_>, is_dual_purpose: bool) {
    for (name, folder) in known_folders(session.machine(), session.is_per_machine()) {
        session.properties.set(name, session.machine().folder(folder).with_separator());
    }
    if is_dual_purpose {
        // The page `single-package-authoring.md`: the programs of this user alone.
        let local = session.machine().folder(KnownFolder::LocalAppData).to_string();
        for (name, folder) in [
            ("ProgramFilesFolder", "Programs"),
            ("ProgramFiles64Folder", "Programs"),
            ("CommonFilesFolder", "Programs\\Common"),
            ("CommonFiles64Folder", "Programs\\Common"),
        ] {
            if session.property(name).is_some() {
                session.properties.set(name, format!("{local}\\{folder}\\"));
            }
        }
    }
    if session.property("ROOTDRIVE").is_none() {
        session.properties.set("ROOTDRIVE", "C:\\");
    }
}

/// The properties of the known folders.
pub fn known_folders(machine: &Machine, per_machine: bool) -> Vec<(&'static str, KnownFolder)> {
    use KnownFolder as K;
    let context = |machine, user| if per_machine { machine } else { user };
    let mut folders = vec![
        ("WindowsFolder", K::Windows),
        ("WindowsVolume", K::WindowsVolume),
        ("SystemFolder", K::System32),
        ("System16Folder", K::System16),
        ("FontsFolder", K::Fonts),
        ("TempFolder", K::Temp),
        ("ProgramFilesFolder", K::ProgramFiles32),
        ("CommonFilesFolder", K::CommonFiles32),
        ("AppDataFolder", K::AppData),
        ("LocalAppDataFolder", K::LocalAppData),
        ("CommonAppDataFolder", K::CommonAppData),
        ("PersonalFolder", K::Personal),
        ("MyPicturesFolder", K::MyPictures),
        ("FavoritesFolder", K::Favorites),
        ("NetHoodFolder", K::NetHood),
        ("PrintHoodFolder", K::PrintHood),
        ("RecentFolder", K::Recent),
        ("SendToFolder", K::SendTo),
        ("DesktopFolder", context(K::CommonDesktop, K::Desktop)),
        ("StartMenuFolder", context(K::CommonStartMenu, K::StartMenu)),
        ("ProgramMenuFolder", context(K::CommonPrograms, K::Programs)),
        ("StartupFolder", context(K::CommonStartup, K::Startup)),
        ("AdminToolsFolder", context(K::CommonAdminTools, K::AdminTools)),
        ("TemplateFolder", context(K::CommonTemplates, K::Templates)),
    ];
    if machine.bitness() == Bitness::X64 {
        folders.extend([
            ("System64Folder", K::System64),
            ("ProgramFiles64Folder", K::ProgramFiles64),
            ("CommonFiles64Folder", K::CommonFiles64),
        ]);
    }
    folders
}

fn set_product_state(session: &mut Session<'_, '_>) {
    // The page of ProductState: 5 is installed, 1 advertised, −1 neither.
    let installed = session.is_installed();
    if installed {
        session.properties.set("Installed", "1");
    } else {
        session.properties.remove("Installed");
    }
    let state = match &session.installed {
        Some(product) if product.advertised => "1",
        Some(_) => "5",
        None => "-1",
    };
    session.properties.set("ProductState", state);
    const SELECTING: [&str; 7] =
        ["ADDLOCAL", "ADDSOURCE", "ADDDEFAULT", "ADVERTISE", "REMOVE", "REINSTALL", "COMPADDLOCAL"];
    let resumes = session.property(RESUME).is_some();
    if resumes || SELECTING.iter().any(|name| session.property(name).is_some()) {
        session.properties.set("Preselected", "1");
    }
    if resumes {
        session.properties.set("Resume", "1");
        session.properties.set("UpdateStarted", "1");
    }
}

fn computer_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().take_while(|character| *character != '.').take(15).collect();
    if name.is_empty() { "LINUX".to_owned() } else { name.to_uppercase() }
}

/// Megabytes of memory.
fn memory(field: &str) -> String {
    let facts = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = facts
        .lines()
        .find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse::<u64>().ok());
    (kibibytes.unwrap_or(0) / 1024).to_string()
}
