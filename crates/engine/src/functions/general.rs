//! The functions that need no session, or only the database of one: records, views, databases, what is installed.
//!
//! Deferred actions may call them too, without the active database (page
//! `obtaining-context-information-for-deferred-execution-custom-actions.md`).

use reseat_database::Database;
use reseat_database::record::Record;
use reseat_machine::Machine;

use super::arguments::{Answer, Arguments, done, returns};
use super::code::Code;
use super::handles::{Handles, Object};
use super::{FunctionAnswer, databases, products, records, summaries, views};
use crate::numbered_message::NumberedMessage;

/// The database of the package that is being installed.
pub trait ActiveDatabase {
    /// To be read; nothing outside a session.
    fn read(&self) -> Option<&Database>;
    /// To be changed in what is temporary.
    fn write(&mut self) -> Option<&mut Database>;
    /// The package's file as packages see it, such as the property DATABASE has it.
    fn path(&self) -> String;
}

/// Outside a session.
pub struct NoDatabase;

impl ActiveDatabase for NoDatabase {
    fn read(&self) -> Option<&Database> {
        None
    }

    fn write(&mut self) -> Option<&mut Database> {
        None
    }

    fn path(&self) -> String {
        String::new()
    }
}

/// The state of the functions that need no session.
pub struct General<'g> {
    /// The open handles.
    pub handles: Handles,
    /// What is installed on which machine.
    pub machine: &'g Machine,
    /// What MsiGetLastErrorRecord gives.
    pub last_error: Option<Record>,
}

impl<'g> General<'g> {
    /// No handles are open.
    pub fn new(machine: &'g Machine) -> Self {
        Self { handles: Handles::default(), machine, last_error: None }
    }

    /// Carries out a function, if it is one of these.
    pub fn call(
        &mut self,
        name: &str,
        arguments: Arguments<'_>,
        active: &mut dyn ActiveDatabase,
    ) -> Option<Answer> {
        if name.starts_with("MsiRecord") || name == "MsiCreateRecord" {
            return records::call(self, name, arguments);
        }
        if name.starts_with("MsiView") {
            return views::call(self, name, arguments, active);
        }
        if name.starts_with("MsiSummaryInfo") {
            return summaries::call(self, name, arguments);
        }
        Some(match name {
            "MsiCloseHandle" => {
                arguments.handle(0).and_then(|it| self.handles.close(it)).and_then(|()| done())
            }
            "MsiCloseAllHandles" => returns(self.handles.close_all().try_into().unwrap_or(i32::MAX)),
            "MsiGetLastErrorRecord" => self.last_error_record(),
            _ => {
                return databases::call(self, name, arguments, active)
                    .or_else(|| products::call(self.machine, name, arguments));
            }
        })
    }

    /// Adds an object and returns its handle as an output.
    pub fn output(&mut self, object: Object) -> Answer {
        let handle = self.handles.add(object)?;
        super::arguments::values([handle.into()])
    }

    /// Remembers what went wrong.
    pub fn fail(&mut self, message: &NumberedMessage) {
        self.last_error = Some(message.record());
    }

    fn last_error_record(&mut self) -> Answer {
        match self.last_error.take() {
            None => returns(0),
            Some(record) => {
                let handle = self.handles.add(Object::Record(Box::new(record)))?;
                Ok(FunctionAnswer { code: handle, values: Vec::new() })
            }
        }
    }
}

/// What a function returns when it fails: most return the code itself, others a value that means failure.
pub fn failure(name: &str, code: Code) -> FunctionAnswer {
    const NULL_INTEGER: u32 = 0x8000_0000;
    const MINUS_ONE: u32 = u32::MAX;
    /// INSTALLSTATE_INVALIDARG and MSIDBERROR's MOREDATA are the same number; the latter never comes from here.
    const INVALID_ARGUMENT_STATE: u32 = -2_i32 as u32;
    const CONDITION_ERROR: u32 = 3;
    const INVALID_ARGUMENT_ERROR: u32 = -3_i32 as u32;
    let code = match name {
        "MsiRecordGetInteger" => NULL_INTEGER,
        "MsiRecordGetFieldCount" | "MsiProcessMessage" | "MsiGetDatabaseState" => MINUS_ONE,
        "MsiRecordIsNull" | "MsiRecordDataSize" | "MsiGetMode" => 0,
        "MsiCreateRecord" | "MsiGetActiveDatabase" | "MsiGetLastErrorRecord" => 0,
        "MsiEvaluateCondition" | "MsiDatabaseIsTablePersistent" => CONDITION_ERROR,
        "MsiViewGetError" => INVALID_ARGUMENT_ERROR,
        "MsiQueryProductState" | "MsiQueryFeatureState" | "MsiGetComponentPath" | "MsiLocateComponent" => {
            INVALID_ARGUMENT_STATE
        }
        _ => code.0,
    };
    FunctionAnswer { code, values: Vec::new() }
}
