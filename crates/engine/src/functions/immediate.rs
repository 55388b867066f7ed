//! The functions for code that runs while the sequence is walked: all that the session offers (page
//! `accessing-the-current-installer-session-from-inside-a-custom-action.md` and those of the functions).

use reseat_database::Database;
use reseat_machine::Machine;
use reseat_package::{Condition, FormatContext, PropertyRow};

use super::arguments::{Answer, Arguments, done, returns, values};
use super::code::Code;
use super::general::{ActiveDatabase, General, failure};
use super::handles::{DatabaseHandle, Object, SESSION};
use super::messages::{self, Sender};
use super::{FunctionAnswer, FunctionCall, Functions, paths, states, views};
use crate::custom_action::asynchronous;
use crate::error::EngineError;
use crate::log::service;
use crate::request::{TopLevel, UiLevel};
use crate::sequence::{self, Flow};
use crate::session::Session;

/// What the functions remember of one immediate action between its calls.
pub struct Caller<'m> {
    general: General<'m>,
    action: String,
    data_template: Option<String>,
}

impl<'m> Caller<'m> {
    /// An action that has not called anything yet.
    pub fn new(machine: &'m Machine, action: &str) -> Self {
        Self { general: General::new(machine), action: action.to_owned(), data_template: None }
    }
}

/// Handles that the action has left open are closed.
impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.general.handles.close_leaked(&self.action);
    }
}

/// Serves the code of an immediate action.
pub struct ImmediateFunctions<'f, 's, 'm> {
    session: &'f mut Session<'s, 'm>,
    caller: &'f mut Caller<'m>,
}

impl<'f, 's, 'm> ImmediateFunctions<'f, 's, 'm> {
    /// The functions for an action of this session.
    pub fn new(session: &'f mut Session<'s, 'm>, caller: &'f mut Caller<'m>) -> Self {
        Self { session, caller }
    }
}

impl ActiveDatabase for Session<'_, '_> {
    fn read(&self) -> Option<&Database> {
        Some(self.package.database())
    }

    fn write(&mut self) -> Option<&mut Database> {
        Some(self.database_mut())
    }

    fn path(&self) -> String {
        self.shown_path(&self.package_path)
    }
}

impl Functions for ImmediateFunctions<'_, '_, '_> {
    fn call(&mut self, call: &FunctionCall) -> FunctionAnswer {
        let answer = self.serve(&call.name, Arguments(&call.arguments));
        if let Err(code) = &answer {
            tracing::debug!(function = call.name, code = code.0, "function failed");
        }
        answer.unwrap_or_else(|code| failure(&call.name, code))
    }

    fn serve_others(&mut self) -> bool {
        asynchronous::serve(self.session)
    }
}

impl ImmediateFunctions<'_, '_, '_> {
    fn serve(&mut self, name: &str, arguments: Arguments<'_>) -> Answer {
        if let Some(answer) = self.caller.general.call(name, arguments, &mut *self.session) {
            return answer;
        }
        if name == "MsiFormatRecord" {
            return self.format_record(arguments);
        }
        let function = match name {
            "MsiGetProperty" => Self::get_property,
            "MsiGetProductProperty" => Self::product_property,
            "MsiSetProperty" => Self::set_property,
            "MsiProcessMessage" => Self::process_message,
            "MsiGetActiveDatabase" => Self::active_database,
            "MsiEvaluateCondition" => Self::evaluate_condition,
            "MsiGetMode" => Self::get_mode,
            "MsiSetMode" => Self::set_mode,
            "MsiGetLanguage" => Self::language,
            "MsiDoAction" => Self::do_action,
            "MsiSequence" => Self::sequence,
            _ => {
                return match states::function(name).or_else(|| paths::function(name)) {
                    Some(function) => {
                        session_argument(arguments).and_then(|()| function(self.session, arguments))
                    }
                    None => {
                        service!(
                            "Custom action {} called {name}, which is not supported",
                            self.caller.action
                        );
                        Err(Code::CALL_NOT_IMPLEMENTED)
                    }
                };
            }
        };
        session_argument(arguments)?;
        function(self, arguments)
    }

    fn get_property(&mut self, arguments: Arguments<'_>) -> Answer {
        let name = arguments.text(1)?.ok_or(Code::INVALID_PARAMETER)?;
        values([self.session.property(name).unwrap_or_default().into()])
    }

    /// What the package's own table says, whatever the property is by now.
    fn product_property(&mut self, arguments: Arguments<'_>) -> Answer {
        let name = arguments.text(1)?.ok_or(Code::INVALID_PARAMETER)?;
        let row = self.session.package.find::<PropertyRow>(name).map_err(|_| Code::FUNCTION_FAILED)?;
        values([row.map(|row| row.value.to_string()).unwrap_or_default().into()])
    }

    /// A null pointer deletes the property, as the empty text does.
    fn set_property(&mut self, arguments: Arguments<'_>) -> Answer {
        let name = arguments.name(1)?;
        self.session.set_property(name, arguments.text(2)?.unwrap_or_default());
        done()
    }

    /// The session may be 0: then only the record's fields are put in.
    fn format_record(&mut self, arguments: Arguments<'_>) -> Answer {
        let context = self.session.context();
        let session: Option<&dyn FormatContext> = match arguments.handle(0)? {
            0 => None,
            SESSION => Some(&context),
            _ => return Err(Code::INVALID_HANDLE),
        };
        let record = self.caller.general.handles.record(arguments.handle(1)?)?;
        values([messages::format(record, session).into()])
    }

    fn process_message(&mut self, arguments: Arguments<'_>) -> Answer {
        let kind = arguments.int(1)?;
        let record = self.caller.general.handles.record_or_none(arguments.handle(2)?)?;
        let package = self.session.package.clone();
        let sender = Sender {
            context: &self.session.context(),
            package: Some(&package),
            language: self.session.installation.interface.language(),
            action: &self.caller.action,
            data_template: self.caller.data_template.clone(),
        };
        let (said, template) = messages::read(kind, &record, &sender).ok_or(Code::INVALID_PARAMETER)?;
        self.caller.data_template = template.or(self.caller.data_template.take());
        let is_silent = self.session.installation.request.ui_level == UiLevel::Silent;
        returns(messages::say(said, self.session.installation.interface, is_silent))
    }

    fn active_database(&mut self, _: Arguments<'_>) -> Answer {
        let handle = self.caller.general.handles.add(Object::Database(DatabaseHandle::Active))?;
        Ok(FunctionAnswer { code: handle, values: Vec::new() })
    }

    fn evaluate_condition(&mut self, arguments: Arguments<'_>) -> Answer {
        let text = arguments.text(1)?.unwrap_or_default();
        if text.trim().is_empty() {
            return views::condition(None);
        }
        let condition = Condition::parse(text).map_err(|_| Code::INVALID_PARAMETER)?;
        views::condition(Some(condition.evaluate(&self.session.context())))
    }

    /// Run modes by their documented numbers (MSIRUNMODE).
    fn get_mode(&mut self, arguments: Arguments<'_>) -> Answer {
        let session = &*self.session;
        let is_set = |name| session.property(name).is_some();
        returns(i32::from(match arguments.int(1)? {
            // ADMIN
            0 => session.top_level == TopLevel::Admin,
            // MAINTENANCE, ROLLBACKENABLED, LOGENABLED, OPERATIONS
            2 => session.is_installed(),
            3 => !is_set("DISABLEROLLBACK") && !is_set("RollbackDisabled"),
            4 => session.installation.request.log_file.is_some(),
            5 => session.in_script,
            // REBOOTATEND; REBOOTNOW is never set: nothing here is restarted in the middle.
            6 => session.installation.restart_required,
            // CABINET, SOURCESHORTNAMES, TARGETSHORTNAMES, ZAWENABLED
            8 => session.package.summary().is_compressed(),
            9 => session.package.summary().has_short_names(),
            10 => is_set("SHORTFILENAMES"),
            13 => true,
            _ => false,
        }))
    }

    /// Only the two about a restart can be set.
    fn set_mode(&mut self, arguments: Arguments<'_>) -> Answer {
        match arguments.int(1)? {
            6 | 7 => {
                self.session.installation.restart_required = arguments.int(2)? != 0;
                done()
            }
            _ => Err(Code::ACCESS_DENIED),
        }
    }

    fn language(&mut self, _: Arguments<'_>) -> Answer {
        let language = self.session.properties.integer("ProductLanguage");
        returns(language.unwrap_or_else(|| self.session.package.language().into()))
    }

    fn do_action(&mut self, arguments: Arguments<'_>) -> Answer {
        let name = arguments.name(1)?;
        if !sequence::is_action(self.session, name).map_err(|_| Code::FUNCTION_FAILED)? {
            return Err(Code::FUNCTION_NOT_CALLED);
        }
        self.nested(|session| sequence::do_action(session, name))
    }

    fn sequence(&mut self, arguments: Arguments<'_>) -> Answer {
        let name = arguments.name(1)?;
        let is_there = self.session.package.database().table(name).is_ok_and(|table| table.is_some());
        if !is_there {
            return Err(Code::FUNCTION_NOT_CALLED);
        }
        self.nested(|session| sequence::run_named(session, name))
    }

    /// Runs actions from within the action that is running.
    fn nested(&mut self, run: impl FnOnce(&mut Session<'_, '_>) -> Result<Flow, EngineError>) -> Answer {
        let result = sequence::nested(self.session, run);
        match result {
            Ok(Flow::GoOn) => done(),
            Ok(Flow::SkipRest) => Err(Code::NO_MORE_ITEMS),
            Err(error) => {
                service!("Custom action {} gets from an action that it ran: {error}", self.caller.action);
                Err(match error.code() {
                    1602 => Code::INSTALL_USEREXIT,
                    1604 => Code::INSTALL_SUSPEND,
                    _ => Code::INSTALL_FAILURE,
                })
            }
        }
    }
}

/// The first argument of most functions is the session.
fn session_argument(arguments: Arguments<'_>) -> Result<(), Code> {
    if arguments.handle(0)? == SESSION { Ok(()) } else { Err(Code::INVALID_HANDLE) }
}
