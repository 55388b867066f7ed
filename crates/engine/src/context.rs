//! What conditions and Formatted texts refer to: the session's properties, paths and states.

use std::borrow::Cow;

use reseat_package::{ConditionContext, FormatContext, InstallState, PathForm};

use crate::session::Session;
use crate::variable::variable;

/// A session as conditions and Formatted texts see it.
#[derive(Clone, Copy)]
pub struct Context<'c, 's, 'm> {
    pub(crate) session: &'c Session<'s, 'm>,
}

impl ConditionContext for Context<'_, '_, '_> {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        self.session.property(name).map(Cow::Borrowed)
    }

    fn environment(&self, name: &str) -> Option<String> {
        variable(self.session.machine(), name)
    }

    fn component_action(&self, component: &str) -> Option<InstallState> {
        Some(self.session.selection.as_ref()?.component(component)?.action)
    }

    fn component_installed(&self, component: &str) -> Option<InstallState> {
        Some(self.session.selection.as_ref()?.component(component)?.installed)
    }

    fn feature_action(&self, feature: &str) -> Option<InstallState> {
        Some(self.session.selection.as_ref()?.feature(feature)?.action)
    }

    fn feature_installed(&self, feature: &str) -> Option<InstallState> {
        Some(self.session.selection.as_ref()?.feature(feature)?.installed)
    }
}

impl FormatContext for Context<'_, '_, '_> {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        self.session.property(name).map(Cow::Borrowed)
    }

    fn environment(&self, name: &str) -> Option<String> {
        variable(self.session.machine(), name)
    }

    fn file_path(&self, file: &str, _form: PathForm) -> Option<String> {
        // This machine keeps no second, short name for a file: both forms are the same path.
        self.session.selection.as_ref()?.file_target(file)
    }

    fn component_folder(&self, component: &str) -> Option<String> {
        self.session.selection.as_ref()?.component_folder(component)
    }
}
