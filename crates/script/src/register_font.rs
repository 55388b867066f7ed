//! Registering a font. Its title is read when that is done: the font may come with the same script.

use reseat_machine::{RegistryKey, RegistryValue, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::font_title;
use crate::operation::RegistryWork;
use crate::site::Site;

/// Registers a font under the title that it holds, and under the one that is given when that is another
/// (`Msi/registerfonts-action.md`, `Msi/font-table.md`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegisterFont {
    /// The key with the fonts.
    pub key: RegistryKey,
    /// The font.
    pub path: WindowsPath,
    /// The title that the package gives it.
    pub title: Option<String>,
    /// What the title leads to: the path, or the name of a file in the folder of fonts.
    pub data: String,
}

impl RegistryWork for RegisterFont {
    fn apply(&self, site: &Site<'_>) -> Result<(), Fault> {
        let file = site.machine.open_file(&self.path)?;
        let own = font_title::read(file).map_err(|source| Fault::Read { path: self.path.clone(), source })?;
        if own.is_none() && self.title.is_none() {
            tracing::warn!(path = %self.path, "the font has no title and is not registered");
        }
        // The name alone is the same title as the name with its kind.
        let is_same =
            |given: &str| own.as_deref().is_some_and(|own| own.strip_prefix(given).is_some_and(is_kind));
        let given = self.title.as_deref().filter(|given| !is_same(given));
        let registry = site.machine.registry()?;
        for title in own.as_deref().into_iter().chain(given) {
            registry.set_value(&self.key, title, RegistryValue::String(self.data.clone()))?;
        }
        Ok(())
    }
}

/// What stands behind the name in a title.
fn is_kind(rest: &str) -> bool {
    matches!(rest, "" | " (TrueType)" | " (OpenType)")
}
