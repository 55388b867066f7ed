//! RegisterExtensionInfo, UnregisterExtensionInfo, RegisterMIMEInfo and UnregisterMIMEInfo (pages
//! `registerextensioninfo-action.md`, `unregisterextensioninfo-action.md`, `registermimeinfo-action.md`,
//! `unregistermimeinfo-action.md`, `extension-table.md`, `verb-table.md`, `mime-table.md`).

use std::collections::HashMap;

use reseat_machine::RegistryKey;
use reseat_package::{Class, Extension, Mime, Verb};

use crate::actions::servers::{self, Entry, Fate, Server, classes_key, fate};
use crate::error::EngineError;
use crate::session::Session;

/// Registers the extensions of features that are installed.
pub fn register_extension_info(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let extensions = extensions(session)?;
    servers::register(session, extensions)
}

/// Takes back the extensions of features that are removed.
pub fn unregister_extension_info(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let extensions = extensions(session)?;
    servers::unregister(session, extensions)
}

/// Registers the MIME types of servers that are installed.
pub fn register_mime_info(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let types = types(session)?;
    servers::register(session, types)
}

/// Takes back the MIME types of servers that are removed.
pub fn unregister_mime_info(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let types = types(session)?;
    servers::unregister(session, types)
}

fn extensions(session: &Session<'_, '_>) -> Result<Vec<Server>, EngineError> {
    let package = &session.package;
    let verbs = package.rows::<Verb>()?;
    let verbs = verbs.group_by(|row| &row.extension);
    let mut servers = Vec::new();
    for row in package.rows::<Extension>()?.iter() {
        let name = format!(".{}", row.extension);
        let key = classes_key(session, &row.component, &name)?;
        let fate = fate(session, &row.feature, &row.component)?;
        let mut entries = Vec::new();
        // Several products may open the same files; the last one installed does.
        entries.extend(row.prog_id.as_deref().map(|prog_id| Entry::contested(&key, "", prog_id)));
        entries.extend(row.mime.as_deref().map(|mime| Entry::contested(&key, "Content Type", mime)));
        if let Some(verbs) = verbs.get(&*row.extension) {
            let owner = match &row.prog_id {
                Some(prog_id) => classes_key(session, &row.component, prog_id)?,
                None => key,
            };
            entries.extend(verb_entries(session, row, fate, &owner.join("shell"), verbs)?);
        }
        servers.push(Server { label: name, fate, entries });
    }
    Ok(servers)
}

/// What can be done with the files: the key `shell`, whose default value lists the verbs that have a place in the order.
fn verb_entries(
    session: &Session<'_, '_>,
    row: &Extension,
    fate: Fate,
    shell: &RegistryKey,
    verbs: &[&Verb],
) -> Result<Vec<Entry>, EngineError> {
    let program = session
        .selection()?
        .key_path_file(&row.component)
        .ok_or_else(|| EngineError::no_key_file("Extension", &row.extension, &row.component))?;
    let descriptor = servers::descriptor(session, &row.feature, &row.component)?;
    let mut entries = Vec::new();
    let mut ordered: Vec<_> = verbs.iter().filter_map(|verb| Some((verb.sequence?, &*verb.verb))).collect();
    ordered.sort_unstable();
    if !ordered.is_empty() {
        let names: Vec<&str> = ordered.into_iter().map(|(_, verb)| verb).collect();
        entries.push(Entry::text(shell, "", names.join(",")));
    }
    for verb in verbs {
        let key = shell.join(&verb.verb);
        let command = verb.command.as_deref().map(|text| session.format(text).text);
        entries.extend(command.map(|text| Entry::text(&key, "", text)));
        let arguments = session.format(verb.argument.as_deref().unwrap_or_default()).text;
        let separator = if arguments.is_empty() { "" } else { " " };
        let key = key.join("command");
        if fate != Fate::Advertised {
            entries.push(Entry::text(&key, "", format!("\"{program}\"{separator}{arguments}")));
        }
        if let Some(descriptor) =
            descriptor.as_ref().filter(|_| matches!(fate, Fate::Advertised | Fate::Goes))
        {
            entries.push(Entry::descriptor(&key, "command", format!("{descriptor}{separator}{arguments}")));
        }
    }
    Ok(entries)
}

fn types(session: &Session<'_, '_>) -> Result<Vec<Server>, EngineError> {
    let package = &session.package;
    let (extensions, classes) = (package.rows::<Extension>()?, package.rows::<Class>()?);
    let by_name = extensions.group_by(|row| &row.extension);
    let mut by_class: HashMap<_, Vec<&Class>> = HashMap::new();
    for row in classes.iter() {
        by_class.entry(row.clsid).or_default().push(row);
    }
    let mut servers = Vec::new();
    for row in package.rows::<Mime>()?.iter() {
        let providers = by_name.get(&*row.extension).into_iter().flatten();
        let mut providers: Vec<(&str, &str)> =
            providers.map(|row| (&*row.feature, &*row.component)).collect();
        if let Some(class) = row.class {
            let classes = by_class.get(&class).into_iter().flatten();
            providers.extend(classes.map(|row| (&*row.feature, &*row.component)));
        }
        let mut best = (Fate::Absent, "");
        for (feature, component) in providers {
            best = best.max((fate(session, feature, component)?, component));
        }
        let (fate, component) = best;
        let path = format!("MIME\\Database\\Content Type\\{}", row.content_type);
        let key = classes_key(session, component, &path)?;
        let mut entries = vec![Entry::contested(&key, "Extension", format!(".{}", row.extension))];
        entries.extend(row.class.map(|class| Entry::contested(&key, "CLSID", class.to_string())));
        servers.push(Server { label: row.content_type.to_string(), fate, entries });
    }
    Ok(servers)
}
