//! The handles that the code of a custom action holds.
//!
//! Handles count up and are not used again, so that a handle that was closed is found out. Those that are still open
//! when the code returns are closed, and the log says so (page of MsiCloseHandle).

use std::collections::BTreeMap;
use std::rc::Rc;

use reseat_database::record::Record;
use reseat_database::sql::Cursor;
use reseat_database::{Database, SummaryInformation};

use super::code::Code;
use crate::log::plain;

/// The handle of the session that a custom action is called with.
pub const SESSION: u32 = 1;

/// How many handles and fields of records one action may hold: a library that never closes anything gets far with it,
/// and one that asks for more than memory does not take the installer with it.
const MOST_PARTS: usize = 1 << 22;

/// The database that a handle stands for.
#[derive(Clone)]
pub enum DatabaseHandle {
    /// That of the package that is being installed.
    Active,
    /// Another file, to be read.
    Opened(Rc<Database>),
}

/// What a handle stands for.
pub enum Object {
    /// A database.
    Database(DatabaseHandle),
    /// A view, with its database, which it keeps open.
    View(DatabaseHandle, Box<Cursor>),
    /// A record.
    Record(Box<Record>),
    /// The summary information of a package.
    Summary(Box<SummaryInformation>),
}

impl Object {
    /// How many parts count against the limit.
    fn parts(&self) -> usize {
        match self {
            Self::Record(record) => record.len() + 1,
            _ => 1,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Database(_) => "MSIHANDLE of a database",
            Self::View(..) => "MSIHANDLE of a view",
            Self::Record(_) => "MSIHANDLE of a record",
            Self::Summary(_) => "MSIHANDLE of summary information",
        }
    }
}

/// The open handles besides that of the session.
#[derive(Default)]
pub struct Handles {
    objects: BTreeMap<u32, Object>,
    parts: usize,
    last: u32,
}

impl Handles {
    /// A new handle.
    ///
    /// # Errors
    /// `ERROR_FUNCTION_FAILED` when there are far too many.
    pub fn add(&mut self, object: Object) -> Result<u32, Code> {
        let parts = self.parts.saturating_add(object.parts());
        if parts > MOST_PARTS {
            return Err(Code::FUNCTION_FAILED);
        }
        let handle = self.last.max(SESSION).checked_add(1).ok_or(Code::FUNCTION_FAILED)?;
        self.last = handle;
        self.parts = parts;
        self.objects.insert(handle, object);
        Ok(handle)
    }

    /// Closes a handle. That of the session is the installer's own and stays open.
    pub fn close(&mut self, handle: u32) -> Result<(), Code> {
        match handle {
            SESSION => Ok(()),
            _ => {
                let object = self.objects.remove(&handle).ok_or(Code::INVALID_HANDLE)?;
                self.parts = self.parts.saturating_sub(object.parts());
                Ok(())
            }
        }
    }

    /// Closes all handles; how many there were.
    pub fn close_all(&mut self) -> usize {
        self.parts = 0;
        std::mem::take(&mut self.objects).len()
    }

    /// Closes what the action has left open, and logs it.
    pub fn close_leaked(&mut self, action: &str) {
        for (handle, object) in std::mem::take(&mut self.objects) {
            plain!("Leaked MSIHANDLE ({handle}) in custom action {action}: {}", object.name());
        }
    }

    /// A record.
    pub fn record(&mut self, handle: u32) -> Result<&mut Record, Code> {
        match self.objects.get_mut(&handle) {
            Some(Object::Record(record)) => Ok(record),
            _ => Err(Code::INVALID_HANDLE),
        }
    }

    /// A copy of a record; 0 is one without fields.
    pub fn record_or_none(&mut self, handle: u32) -> Result<Record, Code> {
        if handle == 0 { Ok(Record::new(0)) } else { self.record(handle).cloned() }
    }

    /// A database.
    pub fn database(&self, handle: u32) -> Result<DatabaseHandle, Code> {
        match self.objects.get(&handle) {
            Some(Object::Database(database)) => Ok(database.clone()),
            _ => Err(Code::INVALID_HANDLE),
        }
    }

    /// The summary information.
    pub fn summary(&self, handle: u32) -> Result<&SummaryInformation, Code> {
        match self.objects.get(&handle) {
            Some(Object::Summary(summary)) => Ok(summary),
            _ => Err(Code::INVALID_HANDLE),
        }
    }

    /// A view and its database.
    pub fn view(&mut self, handle: u32) -> Result<(DatabaseHandle, &mut Cursor), Code> {
        match self.objects.get_mut(&handle) {
            Some(Object::View(database, cursor)) => Ok((database.clone(), cursor)),
            _ => Err(Code::INVALID_HANDLE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_good_until_it_is_closed_and_never_again() {
        let mut handles = Handles::default();
        let record = handles.add(Object::Record(Box::new(Record::new(1)))).unwrap();
        let database = handles.add(Object::Database(DatabaseHandle::Active)).unwrap();
        assert!(record > SESSION && database > record);
        assert!(handles.record(record).is_ok());
        // A handle of another kind is none.
        assert_eq!(handles.record(database).err(), Some(Code::INVALID_HANDLE));
        assert_eq!(handles.database(record).err(), Some(Code::INVALID_HANDLE));
        assert_eq!(handles.close(record), Ok(()));
        assert_eq!(handles.close(record), Err(Code::INVALID_HANDLE));
        assert_eq!(handles.close(0), Err(Code::INVALID_HANDLE));
        let next = handles.add(Object::Record(Box::new(Record::new(1)))).unwrap();
        assert!(next > database, "numbers are not used again");
        assert_eq!(handles.close(SESSION), Ok(()));
        assert_eq!(handles.close_all(), 2);
    }

    #[test]
    fn more_than_fits_into_memory_is_refused_and_closing_makes_room() {
        let mut handles = Handles::default();
        let mut open = Vec::new();
        while let Ok(handle) = handles.add(Object::Record(Box::new(Record::new(u16::MAX)))) {
            open.push(handle);
        }
        assert_eq!(open.len(), MOST_PARTS / 65536);
        handles.close(open[0]).unwrap();
        assert!(handles.add(Object::Record(Box::new(Record::new(u16::MAX)))).is_ok());
    }
}
