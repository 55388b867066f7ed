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
use reseat_script::Phase;
use serde::{Deserialize, Serialize};

use super::arguments::{Answer, Arguments, returns, values};
use super::code::Code;
use super::general::{General, NoDatabase, failure};
use super::handles::SESSION;
use super::messages::{self, Sender};
use super::{FunctionAnswer, FunctionCall, Functions};
use crate::interface::UserInterface;
use crate::log::service;
use crate::variable::variable;

/// What a deferred action may know of the session that scheduled it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// Serves the code of a deferred, rollback or commit action.
pub struct DeferredFunctions<'d, 'i> {
    surroundings: &'d mut Surroundings<'i>,
    general: General<'i>,
    action: &'d str,
    facts: &'d DeferredFacts,
    custom_action_data: &'d str,
    phase: Phase,
    data_template: Option<String>,
}

impl<'d, 'i> DeferredFunctions<'d, 'i> {
    /// The functions for an action that was scheduled.
    pub fn new(
        surroundings: &'d mut Surroundings<'i>,
        action: &'d str,
        facts: &'d DeferredFacts,
        custom_action_data: &'d str,
        phase: Phase,
    ) -> Self {
        let general = General::new(surroundings.machine);
        Self { surroundings, general, action, facts, custom_action_data, phase, data_template: None }
    }

    fn context(&self) -> DeferredContext<'d, 'i> {
        DeferredContext {
            machine: self.surroundings.machine,
            facts: self.facts,
            custom_action_data: self.custom_action_data,
            phase: self.phase,
        }
    }
}

/// Handles that the action has left open are closed.
impl Drop for DeferredFunctions<'_, '_> {
    fn drop(&mut self) {
        self.general.handles.close_leaked(self.action);
    }
}

/// What is left of the session's properties.
struct DeferredContext<'d, 'm> {
    machine: &'m Machine,
    facts: &'d DeferredFacts,
    custom_action_data: &'d str,
    phase: Phase,
}

impl FormatContext for DeferredContext<'_, '_> {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = match name {
            "CustomActionData" => self.custom_action_data,
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
}

impl DeferredFunctions<'_, '_> {
    fn serve(&mut self, name: &str, arguments: Arguments<'_>) -> Answer {
        if let Some(answer) = self.general.call(name, arguments, &mut NoDatabase) {
            return answer;
        }
        let handle = arguments.handle(0)?;
        if handle != SESSION && !(handle == 0 && name == "MsiFormatRecord") {
            return Err(Code::INVALID_HANDLE);
        }
        let context = self.context();
        match name {
            "MsiGetProperty" => {
                let name = arguments.text(1)?.ok_or(Code::INVALID_PARAMETER)?;
                values([context.property(name).unwrap_or_default().into_owned().into()])
            }
            "MsiFormatRecord" => {
                let session: Option<&dyn FormatContext> = if handle == 0 { None } else { Some(&context) };
                let record = self.general.handles.record(arguments.handle(1)?)?;
                values([messages::format(record, session).into()])
            }
            "MsiGetMode" => {
                let phase = match self.phase {
                    Phase::Execution => 16,
                    Phase::Rollback => 17,
                    Phase::Commit => 18,
                };
                returns((arguments.int(1)? == phase).into())
            }
            // A commit action has to get it as its data.
            "MsiGetLanguage" if self.phase == Phase::Commit => returns(0),
            "MsiGetLanguage" => returns(self.facts.language.into()),
            "MsiProcessMessage" => self.process_message(arguments, &context),
            _ => {
                service!(
                    "Custom action {} called {name}, which a deferred action may not call or is not supported",
                    self.action
                );
                Err(Code::INVALID_HANDLE)
            }
        }
    }

    fn process_message(&mut self, arguments: Arguments<'_>, context: &DeferredContext<'_, '_>) -> Answer {
        let kind = arguments.int(1)?;
        let record = self.general.handles.record_or_none(arguments.handle(2)?)?;
        let sender = Sender {
            context,
            package: self.surroundings.package.as_deref(),
            action: self.action,
            data_template: self.data_template.clone(),
        };
        let (said, template) = messages::read(kind, &record, &sender).ok_or(Code::INVALID_PARAMETER)?;
        self.data_template = template.or(self.data_template.take());
        returns(messages::say(said, self.surroundings.interface, self.facts.is_silent))
    }
}
