//! The Upgrade table (page `upgrade-table.md`).

use reseat_database::UpgradeCode;

use crate::file::languages;
use crate::row::{Text, bit_set, table_row};
use crate::version::ProductVersion;

bit_set! {
    /// The Attributes column of the Upgrade table.
    UpgradeAttributes {
        /// Feature states are carried over.
        MIGRATE_FEATURES = 1,
        /// The product is found but not removed.
        ONLY_DETECT = 2,
        /// The installation goes on when removing fails.
        IGNORE_REMOVE_FAILURE = 4,
        /// The lower bound is in the range.
        VERSION_MIN_INCLUSIVE = 0x100,
        /// The upper bound is in the range.
        VERSION_MAX_INCLUSIVE = 0x200,
        /// The languages listed are those that are left out.
        LANGUAGES_EXCLUSIVE = 0x400,
    }
}

table_row! {
    /// Which installed products are related to this one.
    Upgrade = "Upgrade" {
        /// Their upgrade code.
        code: UpgradeCode = "UpgradeCode",
        /// The lowest version.
        version_min: Option<ProductVersion> = "VersionMin",
        /// The highest version.
        version_max: Option<ProductVersion> = "VersionMax",
        /// Their languages, numbers separated by commas.
        language: Option<Text> = "Language",
        /// How they are found and removed.
        attributes: UpgradeAttributes = "Attributes",
        /// Which of their features are removed, Formatted; all without it.
        remove: Option<Text> = "Remove",
        /// The property that their product codes are added to.
        property: Text = "ActionProperty",
    }
}

impl Upgrade {
    /// Whether a product of this upgrade code is in the range of versions and languages.
    pub fn matches(&self, version: ProductVersion, language: u16) -> bool {
        let above = self.version_min.is_none_or(|minimum| {
            version > minimum
                || (version == minimum && self.attributes.has(UpgradeAttributes::VERSION_MIN_INCLUSIVE))
        });
        let below = self.version_max.is_none_or(|maximum| {
            version < maximum
                || (version == maximum && self.attributes.has(UpgradeAttributes::VERSION_MAX_INCLUSIVE))
        });
        let languages = languages(self.language.as_deref());
        let spoken = languages.is_empty()
            || languages.contains(&language) != self.attributes.has(UpgradeAttributes::LANGUAGES_EXCLUSIVE);
        above && below && spoken
    }
}
