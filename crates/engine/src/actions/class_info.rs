//! RegisterClassInfo and UnregisterClassInfo (pages `registerclassinfo-action.md`, `unregisterclassinfo-action.md`,
//! `class-table.md`, `appid-table.md`).

use std::collections::HashMap;

use reseat_package::{AppId, Class, ProgId};

use crate::actions::servers::{self, Entry, Fate, Server, classes_key, default_icon, fate};
use crate::error::EngineError;
use crate::session::Session;

/// The column Attributes: the server is registered by its name without path.
const RELATIVE_PATH: i32 = 1;
/// The handlers within the process that the system has, for 16 and for 32 bits.
const HANDLER_16: (&str, &str) = ("InprocHandler", "ole2.dll");
const HANDLER_32: (&str, &str) = ("InprocHandler32", "ole32.dll");

/// Registers the classes of features that are installed.
pub fn register_class_info(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let classes = classes(session)?;
    servers::register(session, classes)
}

/// Takes back the classes of features that are removed.
pub fn unregister_class_info(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let classes = classes(session)?;
    servers::unregister(session, classes)
}

fn classes(session: &Session<'_, '_>) -> Result<Vec<Server>, EngineError> {
    let package = &session.package;
    let app_ids = package.rows::<AppId>()?;
    let app_ids: HashMap<_, &AppId> = app_ids.iter().map(|row| (row.id, row)).collect();
    let prog_ids = package.rows::<ProgId>()?;
    let independent: HashMap<&str, &str> =
        prog_ids.iter().filter_map(|row| Some((row.parent.as_deref()?, &*row.prog_id))).collect();
    let mut servers = Vec::new();
    for row in package.rows::<Class>()?.iter() {
        let fate = fate(session, &row.feature, &row.component)?;
        let mut entries = entries(session, row, fate, &independent)?;
        // The page `platform-support-of-advertisement.md`: not when the class is advertised.
        let app_id = row.app_id.filter(|_| fate != Fate::Advertised);
        if let Some(app_id) = app_id.and_then(|id| app_ids.get(&id)) {
            entries.extend(app_id_entries(session, &row.component, app_id)?);
        }
        servers.push(Server { label: row.clsid.to_string(), fate, entries });
    }
    Ok(servers)
}

fn entries(
    session: &Session<'_, '_>,
    row: &Class,
    fate: Fate,
    independent: &HashMap<&str, &str>,
) -> Result<Vec<Entry>, EngineError> {
    let clsid = row.clsid.to_string();
    let key = classes_key(session, &row.component, &format!("CLSID\\{clsid}"))?;
    let mut entries = Vec::new();
    let mut add = |path: &str, name: &str, text: Option<String>| {
        let key = if path.is_empty() { key.clone() } else { key.join(path) };
        entries.extend(text.map(|text| Entry::text(&key, name, text)));
    };
    add("", "", Some(row.description.as_deref().unwrap_or_default().to_owned()));
    add("", "AppID", row.app_id.map(|id| id.to_string()));
    add("ProgID", "", row.prog_id.as_deref().map(str::to_owned));
    let independent = row.prog_id.as_deref().and_then(|prog_id| independent.get(prog_id));
    add("VersionIndependentProgID", "", independent.map(|name| (*name).to_owned()));
    add("DefaultIcon", "", default_icon(session, row.icon.as_ref(), row.icon_index)?);
    if fate != Fate::Advertised {
        add(&row.context, "", Some(server(session, row)?));
    }
    if is_local(row) {
        let handlers = match row.handler.as_deref() {
            None => vec![],
            Some("1") => vec![HANDLER_16],
            Some("2") => vec![HANDLER_32],
            Some("3") => vec![HANDLER_16, HANDLER_32],
            Some(file) => vec![(HANDLER_32.0, file)],
        };
        for (name, handler) in handlers {
            add(name, "", Some(handler.to_owned()));
        }
    }
    if matches!(fate, Fate::Advertised | Fate::Goes)
        && let Some(descriptor) = servers::descriptor(session, &row.feature, &row.component)?
    {
        let argument = session.format(row.argument.as_deref().unwrap_or_default()).text;
        let space = if argument.is_empty() { "" } else { " " };
        let key = key.join(&row.context);
        entries.push(Entry::descriptor(&key, &row.context, format!("{descriptor}{space}{argument}")));
    }
    if let Some(masks) = &row.file_type_mask {
        let key = classes_key(session, &row.component, &format!("FileType\\{clsid}"))?;
        let masks = masks.split(';').map(str::trim).filter(|mask| !mask.is_empty());
        entries.extend(
            masks.enumerate().map(|(number, mask)| Entry::text(&key.join(&number.to_string()), "", mask)),
        );
    }
    Ok(entries)
}

fn is_local(row: &Class) -> bool {
    matches!(&*row.context, "LocalServer" | "LocalServer32")
}

/// The server's path, for a process with its arguments: a command line, so that a path with spaces is quoted.
fn server(session: &Session<'_, '_>, row: &Class) -> Result<String, EngineError> {
    let path = session
        .selection()?
        .key_path_file(&row.component)
        .ok_or_else(|| EngineError::no_key_file("Class", row.clsid, &row.component))?;
    let is_relative = row.attributes.is_some_and(|attributes| attributes & RELATIVE_PATH != 0);
    let path = match path.rsplit_once('\\') {
        Some((_, name)) if is_relative => name.to_owned(),
        _ => path,
    };
    if !is_local(row) {
        return Ok(path);
    }
    let path = if path.contains(' ') { format!("\"{path}\"") } else { path };
    let argument = session.format(row.argument.as_deref().unwrap_or_default()).text;
    Ok(if argument.is_empty() { path } else { format!("{path} {argument}") })
}

fn app_id_entries(
    session: &Session<'_, '_>,
    component: &str,
    row: &AppId,
) -> Result<Vec<Entry>, EngineError> {
    let key = classes_key(session, component, &format!("AppID\\{}", row.id))?;
    let owned = |text: &Option<reseat_package::Text>| text.as_deref().map(str::to_owned);
    let values = [
        ("RemoteServerName", row.remote_server.as_deref().map(|text| session.format(text).text)),
        ("LocalService", owned(&row.local_service)),
        ("ServiceParameters", owned(&row.service_parameters)),
        ("DllSurrogate", owned(&row.surrogate)),
        ("ActivateAtStorage", row.activate_at_storage.then(|| "Y".to_owned())),
        ("RunAs", row.run_as_interactive_user.then(|| "Interactive User".to_owned())),
    ];
    let values: Vec<Entry> =
        values.into_iter().filter_map(|(name, text)| Some(Entry::text(&key, name, text?))).collect();
    Ok(if values.is_empty() { vec![Entry::key(&key)] } else { values })
}
