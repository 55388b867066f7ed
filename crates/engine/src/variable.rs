//! The environment variables that packages see.
//!
//! They are those of the machine, from its registry and its known folders, not those of this process: what a Linux user
//! has set for other programs means nothing to a Windows package.

use reseat_machine::environment::{self, EnvironmentOf};
use reseat_machine::{KnownFolder, Machine};

/// How often a variable may refer to another one.
const DEPTH: usize = 8;

/// The value of a variable, found without regard to letter case.
pub fn variable(machine: &Machine, name: &str) -> Option<String> {
    resolve(machine, name, DEPTH)
}

fn resolve(machine: &Machine, name: &str, depth: usize) -> Option<String> {
    if let Some(folder) = folder(name) {
        return Some(machine.folder(folder).as_str().to_owned());
    }
    if name.eq_ignore_ascii_case("SystemDrive") {
        return Some("C:".to_owned());
    }
    if name.eq_ignore_ascii_case("USERNAME") {
        return Some(machine.user());
    }
    let registry = machine.registry().ok()?;
    let text = environment::read(registry, EnvironmentOf::User, name)
        .or_else(|| environment::read(registry, EnvironmentOf::Machine, name))?;
    Some(expand(machine, &text, depth))
}

/// Replaces `%NAME%`; a name that is not set stays as it is written.
fn expand(machine: &Machine, text: &str, depth: usize) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        match after.split_once('%') {
            Some((name, after)) if depth > 0 && !name.is_empty() => {
                match resolve(machine, name, depth - 1) {
                    Some(value) => expanded.push_str(&value),
                    None => expanded.push_str(&format!("%{name}%")),
                }
                rest = after;
            }
            _ => {
                expanded.push('%');
                rest = after;
            }
        }
    }
    expanded.push_str(rest);
    expanded
}

fn folder(name: &str) -> Option<KnownFolder> {
    use KnownFolder as K;
    Some(match name.to_ascii_uppercase().as_str() {
        "SYSTEMROOT" | "WINDIR" => K::Windows,
        "PROGRAMFILES" | "PROGRAMW6432" => K::ProgramFiles64,
        "PROGRAMFILES(X86)" => K::ProgramFiles32,
        "COMMONPROGRAMFILES" | "COMMONPROGRAMW6432" => K::CommonFiles64,
        "COMMONPROGRAMFILES(X86)" => K::CommonFiles32,
        "PROGRAMDATA" | "ALLUSERSPROFILE" => K::CommonAppData,
        "APPDATA" => K::AppData,
        "LOCALAPPDATA" => K::LocalAppData,
        "USERPROFILE" => K::Profile,
        "TEMP" | "TMP" => K::Temp,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reseat_machine::Bitness;

    #[test]
    fn variables_come_from_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::create_for(&folder.path().join("prefix"), Bitness::X64, "anna").unwrap();
        let registry = machine.registry().unwrap();
        environment::write(registry, EnvironmentOf::User, "TOOLS", r"%ProgramFiles%\Tools;100%").unwrap();
        environment::write(registry, EnvironmentOf::User, "LOOP", "%LOOP%x").unwrap();
        for (name, expected) in [
            ("windir", Some(r"C:\windows")),
            ("ProgramFiles(x86)", Some(r"C:\Program Files (x86)")),
            ("UserName", Some("anna")),
            ("tools", Some(r"C:\Program Files\Tools;100%")),
            ("HOME", None),
        ] {
            assert_eq!(variable(&machine, name).as_deref(), expected, "{name}");
        }
        assert!(variable(&machine, "LOOP").is_some(), "a variable that refers to itself ends");
    }
}
