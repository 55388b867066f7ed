//! RegisterProgIdInfo and UnregisterProgIdInfo (pages `registerprogidinfo-action.md`, `unregisterprogidinfo-action.md`,
//! `progid-table.md`).

use std::collections::{HashMap, HashSet};

use reseat_package::{Class, Extension, ProgId, Verb};

use crate::actions::servers::{self, Entry, Fate, Server, classes_key, default_icon, fate};
use crate::error::EngineError;
use crate::session::Session;

/// Registers the ProgIds of class and extension servers that are installed.
pub fn register_prog_id_info(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let prog_ids = prog_ids(session)?;
    servers::register(session, prog_ids)
}

/// Takes back the ProgIds of servers that are removed.
pub fn unregister_prog_id_info(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let prog_ids = prog_ids(session)?;
    servers::unregister(session, prog_ids)
}

fn prog_ids(session: &Session<'_, '_>) -> Result<Vec<Server>, EngineError> {
    let package = &session.package;
    let rows = package.rows::<ProgId>()?;
    let by_name: HashMap<&str, &ProgId> = rows.iter().map(|row| (&*row.prog_id, row)).collect();
    let (classes, extensions) = (package.rows::<Class>()?, package.rows::<Extension>()?);
    let mut by_class: HashMap<_, Vec<&Class>> = HashMap::new();
    let mut by_default: HashMap<&str, Vec<&Class>> = HashMap::new();
    for class in classes.iter() {
        by_class.entry(class.clsid).or_default().push(class);
        if let Some(prog_id) = &class.prog_id {
            by_default.entry(prog_id).or_default().push(class);
        }
    }
    let verbs = package.rows::<Verb>()?;
    let with_verbs: HashSet<&str> = verbs.iter().map(|row| &*row.extension).collect();
    let mut by_extension: HashMap<&str, Vec<&Extension>> = HashMap::new();
    for row in extensions.iter().filter(|row| with_verbs.contains(&*row.extension)) {
        if let Some(prog_id) = &row.prog_id {
            by_extension.entry(prog_id).or_default().push(row);
        }
    }

    let mut servers = Vec::new();
    for row in rows.iter() {
        // A ProgId that is independent of versions has the class of the one that it stands for.
        let mut versioned = row;
        let mut steps = 0;
        while let Some(parent) = versioned.parent.as_deref().and_then(|parent| by_name.get(parent)) {
            versioned = parent;
            steps += 1;
            if steps > rows.len() {
                return Err(EngineError::row("ProgId", &row.prog_id, "its parents lead back to itself"));
            }
        }
        let of_class = versioned.class.and_then(|class| by_class.get(&class)).into_iter().flatten();
        let classes: Vec<&Class> =
            of_class.chain(by_default.get(&*versioned.prog_id).into_iter().flatten()).copied().collect();
        let mut providers: Vec<(&str, &str)> =
            classes.iter().map(|class| (&*class.feature, &*class.component)).collect();
        let of_extension = by_extension.get(&*row.prog_id).into_iter().flatten();
        providers.extend(of_extension.map(|row| (&*row.feature, &*row.component)));
        let mut best = (Fate::Absent, "");
        for (feature, component) in providers {
            best = best.max((fate(session, feature, component)?, component));
        }

        let (fate, component) = best;
        let key = classes_key(session, component, &row.prog_id)?;
        let mut entries = Vec::new();
        entries.extend(row.description.as_deref().map(|text| Entry::text(&key, "", text)));
        let class = versioned.class.or_else(|| classes.first().map(|class| class.clsid));
        entries.extend(class.map(|class| Entry::text(&key.join("CLSID"), "", class.to_string())));
        entries.extend(row.parent.as_deref().map(|parent| Entry::text(&key.join("CurVer"), "", parent)));
        // The page of the Class table: its icon belongs to the ProgId; one of the ProgId's own goes before.
        let icon = match &row.icon {
            Some(icon) => default_icon(session, Some(icon), row.icon_index)?,
            None if row.parent.is_some() => None,
            None => {
                let class = classes.iter().find(|class| class.icon.is_some());
                class
                    .map(|class| default_icon(session, class.icon.as_ref(), class.icon_index))
                    .transpose()?
                    .flatten()
            }
        };
        entries.extend(icon.map(|icon| Entry::text(&key.join("DefaultIcon"), "", icon)));
        servers.push(Server { label: row.prog_id.to_string(), fate, entries });
    }
    Ok(servers)
}
