//! The functions for code that runs while the script is executed, rolled back or committed (page
//! `obtaining-context-information-for-deferred-execution-custom-actions.md`).
//!
//! The session is over by then, or may be: a handle gives CustomActionData, ProductCode and UserSID, the language, the
//! state in which the action runs, and takes messages. What needs no session works as ever.

use std::borrow::Cow;
use std::fs::File;
use std::sync::Arc;

use reseat_machine::Machine;
use reseat_package::{FormatContext, Package, PathForm};
use reseat_script::{Phase, ScheduledAction};
use serde::{Deserialize, Serialize};

use super::arguments::{Answer, Arguments, returns, values};
use super::code::Code;
use super::general::{General, NoDatabase, failure};
use super::handles::SESSION;
use super::messages::{self, Sender};
use super::{FunctionAnswer, FunctionCall, Functions};
use crate::custom_action::asynchronous::{self, AsynchronousScheduled};
use crate::host::ServiceOrder;
use crate::interface::UserInterface;
use crate::log::service;
use crate::variable::variable;

/// What a deferred action may know of the session that scheduled it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeferredFacts {
    /// The product's code.
    pub product_code: String,
    /// The user's security identifier.
    pub user_sid: String,
    /// The product's language.
    pub language: u16,
    /// Whether nobody is to be asked.
    pub is_silent: bool,
}

/// What deferred actions run in.
pub struct Surroundings<'d> {
    /// The machine.
    pub machine: &'d Machine,
    /// Who watches.
    pub interface: &'d mut dyn UserInterface,
    /// The package, whose Error table has the texts; nothing when an installation is recovered.
    pub package: Option<Arc<Package>>,
    /// The package's file, kept open.
    pub package_file: Option<Arc<File>>,
    /// Asynchronous actions that have not been waited for yet.
    pub asynchronous: AsynchronousScheduled<'d>,
    /// Services that a rollback starts at its end, with how.
    pub services_to_start: Vec<(String, ServiceOrder)>,
}

/// What the functions remember of one deferred, rollback or commit action between its calls.
pub struct DeferredCaller<'m> {
    general: General<'m>,
    action: String,
    known: Known<'m>,
    data_template: Option<String>,
}

impl<'m> DeferredCaller<'m> {
    /// An action that was scheduled and has not called anything yet.
    pub fn new(machine: &'m Machine, action: &ScheduledAction, facts: DeferredFacts, phase: Phase) -> Self {
        let custom_action_data = action.custom_action_data.clone();
        Self {
            general: General::new(machine),
            action: action.action.clone(),
            known: Known { machine, facts, custom_action_data, phase },
            data_template: None,
        }
    }
}

/// Handles that the action has left open are closed.
impl Drop for DeferredCaller<'_> {
    fn drop(&mut self) {
        self.general.handles.close_leaked(&self.action);
    }
}

/// Serves the code of a deferred, rollback or commit action.
pub struct DeferredFunctions<'d, 'm> {
    surroundings: &'d mut Surroundings<'m>,
    caller: &'d mut DeferredCaller<'m>,
}

impl<'d, 'm> DeferredFunctions<'d, 'm> {
    /// The functions for an action that was scheduled.
    pub fn new(surroundings: &'d mut Surroundings<'m>, caller: &'d mut DeferredCaller<'m>) -> Self {
        Self { surroundings, caller }
    }
}

/// What is left of the session's properties.
struct Known<'m> {
    machine: &'m Machine,
    facts: DeferredFacts,
    custom_action_data: String,
    phase: Phase,
}

impl FormatContext for Known<'_> {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = match name {
            "CustomActionData" => &self.custom_action_data,
            // A commit action has to get it as its data.
            "ProductCode" if self.phase != Phase::Commit => &self.facts.product_code,
            "UserSID" => &self.facts.user_sid,
            _ => return None,
        };
        Some(Cow::Borrowed(value))
    }

    fn environment(&self, name: &str) -> Option<String> {
        variable(self.machine, name)
    }

    fn file_path(&self, _: &str, _: PathForm) -> Option<String> {
        None
    }

    fn component_folder(&self, _: &str) -> Option<String> {
        None
    }
}

impl Functions for DeferredFunctions<'_, '_> {
    fn call(&mut self, call: &FunctionCall) -> FunctionAnswer {
        let answer = self.serve(&call.name, Arguments(&call.arguments));
        if let Err(code) = &answer {
            tracing::debug!(function = call.name, code = code.0, "function failed");
        }
        answer.unwrap_or_else(|code| failure(&call.name, code))
    }

    fn serve_others(&mut self) -> bool {
        asynchronous::serve_scheduled(self.surroundings)
    }
}

impl DeferredFunctions<'_, '_> {
    fn serve(&mut self, name: &str, arguments: Arguments<'_>) -> Answer {
        if let Some(answer) = self.caller.general.call(name, arguments, &mut NoDatabase) {
            return answer;
        }
        let handle = arguments.handle(0)?;
        if handle != SESSION && !(handle == 0 && name == "MsiFormatRecord") {
            return Err(Code::INVALID_HANDLE);
        }
        match name {
            "MsiGetProperty" => {
                let name = arguments.text(1)?.ok_or(Code::INVALID_PARAMETER)?;
                values([self.caller.known.property(name).unwrap_or_default().into_owned().into()])
            }
            "MsiFormatRecord" => {
                let DeferredCaller { general, known, .. } = &mut *self.caller;
                let session: Option<&dyn FormatContext> = if handle == 0 { None } else { Some(known) };
                let record = general.handles.record(arguments.handle(1)?)?;
                values([messages::format(record, session).into()])
            }
            "MsiGetMode" => {
                let phase = match self.caller.known.phase {
                    Phase::Execution => 16,
                    Phase::Rollback => 17,
                    Phase::Commit => 18,
                };
                returns((arguments.int(1)? == phase).into())
            }
            // A commit action has to get it as its data.
            "MsiGetLanguage" if self.caller.known.phase == Phase::Commit => returns(0),
            "MsiGetLanguage" => returns(self.caller.known.facts.language.into()),
            "MsiProcessMessage" => self.process_message(arguments),
            _ => {
                service!(
                    "Custom action {} called {name}, which a deferred action may not call or is not supported",
                    self.caller.action
                );
                Err(Code::INVALID_HANDLE)
            }
        }
    }

    fn process_message(&mut self, arguments: Arguments<'_>) -> Answer {
        let kind = arguments.int(1)?;
        let record = self.caller.general.handles.record_or_none(arguments.handle(2)?)?;
        let sender = Sender {
            context: &self.caller.known,
            package: self.surroundings.package.as_deref(),
            language: self.surroundings.interface.language(),
            action: &self.caller.action,
            data_template: self.caller.data_template.clone(),
        };
        let (said, template) = messages::read(kind, &record, &sender).ok_or(Code::INVALID_PARAMETER)?;
        self.caller.data_template = template.or(self.caller.data_template.take());
        returns(messages::say(said, self.surroundings.interface, self.caller.known.facts.is_silent))
    }
}
