//! Changing entries of an .ini file. The file is read when it is written: an operation before this one may have put it
//! there.

use std::io::{self, Read, Write};

use reseat_machine::{Attributes, FileKind, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::content::Content;
use crate::error::Fault;
use crate::ini_text::IniText;
use crate::site::Site;
use crate::{placing, remove_file};

/// A longer file is none that a program would read entries from.
const LONGEST: u64 = 64 << 20;

/// What is done to an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IniChange {
    /// It gets this value.
    Set(String),
    /// It is made with this value if it is not there.
    Create(String),
    /// The value, a list with commas, gets this tag.
    AddTag(String),
    /// It goes.
    Remove,
    /// It goes if it has this value.
    RemoveValue(String),
    /// The tag goes from its list, and the entry with the last one.
    RemoveTag(String),
}

/// A change of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IniEdit {
    /// The section's name.
    pub section: String,
    /// The entry's name.
    pub key: String,
    /// What is done.
    pub change: IniChange,
}

/// Changes entries of an .ini file (`Msi/writeinivalues-action.md`, `Msi/removeinivalues-action.md`). Everything else in it
/// stays as it is. A file that is not there is made when there is something to write, and goes when nothing is left in
/// it; a section goes with its last entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditIniFile {
    /// The file.
    pub path: WindowsPath,
    /// The changes in their order.
    pub edits: Vec<IniEdit>,
}

impl EditIniFile {
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        let old = self.read(site)?;
        let new = self.edited(old.as_deref());
        match &old {
            None if new.is_empty() => Ok(Vec::new()),
            Some(old) if new.to_bytes() == *old => Ok(Vec::new()),
            Some(_) if new.is_empty() => remove_file::plan(site, &self.path),
            Some(_) => {
                // Under the name that it has.
                let path = site.spelled(&self.path)?;
                placing::plan(site, &path)
            }
            None => placing::plan(site, &self.path),
        }
    }

    pub(crate) fn content(&self) -> Content<'_> {
        Content::Ini(self)
    }

    /// Writes the changed file `at`, where nothing is yet.
    pub(crate) fn make(&self, at: &WindowsPath, site: &mut Site<'_>) -> Result<(), Fault> {
        let old = self.read(site)?;
        let new = self.edited(old.as_deref()).to_bytes();
        let mut file = site.machine.create_file(at)?;
        site.step()?;
        file.write_all(&new).map_err(|source| Fault::Write { path: self.path.clone(), source })?;
        drop(file);
        if old.is_some() {
            let attributes = site.machine.attributes(&self.path)?;
            if attributes != Attributes::default() {
                site.machine.set_attributes(at, attributes)?;
            }
        }
        Ok(())
    }

    fn read(&self, site: &Site<'_>) -> Result<Option<Vec<u8>>, Fault> {
        let failed = |source| Fault::Read { path: self.path.clone(), source };
        match site.machine.metadata(&self.path)? {
            None => return Ok(None),
            Some(metadata) if metadata.kind == FileKind::Folder => {
                return Err(Fault::IsFolder { path: self.path.clone() });
            }
            Some(_) => {}
        }
        let mut content = Vec::new();
        let read = site.machine.open_file(&self.path)?.take(LONGEST + 1).read_to_end(&mut content);
        if read.map_err(failed)? as u64 > LONGEST {
            return Err(failed(io::Error::other("it is too long for an .ini file")));
        }
        Ok(Some(content))
    }

    fn edited(&self, old: Option<&[u8]>) -> IniText {
        let texts = self.edits.iter().flat_map(|edit| {
            let value = match &edit.change {
                IniChange::Set(value) | IniChange::Create(value) | IniChange::AddTag(value) => value,
                IniChange::Remove | IniChange::RemoveValue(_) | IniChange::RemoveTag(_) => "",
            };
            [&*edit.section, &*edit.key, value]
        });
        let mut text = old.map_or_else(|| IniText::new(texts), IniText::read);
        for edit in &self.edits {
            text.edit(edit);
        }
        text
    }
}
