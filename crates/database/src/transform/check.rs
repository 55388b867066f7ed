//! Whether a database is one that a transform is for.

use std::cmp::Ordering;

use super::{Transform, TransformError, Validation};
use crate::{Database, DatabaseError};

/// A product as the transform's summary information names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Product<'t> {
    pub code: &'t str,
    pub version: &'t str,
}

/// The products before and after a transform, and the family of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Products<'t> {
    pub old: Product<'t>,
    pub new: Product<'t>,
    pub upgrade_code: &'t str,
}

impl<'t> Products<'t> {
    /// Reads the revision number (page `revision-number-summary.md`).
    pub fn parse(text: &'t str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let mut product = || {
            let part = parts.next().unwrap_or_default();
            let end = part.find('}').map_or(0, |end| end + 1);
            let (code, version) = part.split_at(end);
            Product { code, version: version.trim() }
        };
        let (old, new) = (product(), product());
        Self { old, new, upgrade_code: parts.next().unwrap_or_default() }
    }
}

impl Transform {
    /// Compares a database with the one that the transform was made from, in what its summary information asks for.
    ///
    /// # Errors
    /// The first difference, or a table of the database that cannot be read.
    pub fn check(&self, target: &Database) -> Result<(), TransformError> {
        let flags = self.validation();
        let products = self.products();
        if flags.contains(Validation::LANGUAGE)
            && let Some(&expected) = self.summary.languages().first()
        {
            let found = target.summary()?.languages().first().copied().unwrap_or_default();
            if found != expected {
                return Err(TransformError::Language { expected, found });
            }
        }
        if flags.contains(Validation::PRODUCT) {
            let found = property(target, "ProductCode")?;
            if !found.eq_ignore_ascii_case(products.old.code) {
                return Err(TransformError::Product { expected: products.old.code.to_owned(), found });
            }
        }
        self.check_version(flags, products.old.version, property(target, "ProductVersion")?)?;
        if flags.contains(Validation::UPGRADE_CODE) {
            let found = property(target, "UpgradeCode")?;
            if !found.eq_ignore_ascii_case(products.upgrade_code) {
                return Err(TransformError::UpgradeCode {
                    expected: products.upgrade_code.to_owned(),
                    found,
                });
            }
        }
        Ok(())
    }

    /// Whether the transform changes the version of the product.
    pub(crate) fn changes_version(&self) -> bool {
        let products = self.products();
        fields(products.old.version) != fields(products.new.version)
    }

    /// The version of the product after the transform.
    pub(crate) fn new_version(&self) -> [u32; 3] {
        fields(self.products().new.version)
    }

    fn products(&self) -> Products<'_> {
        Products::parse(self.summary.revision_number().unwrap_or_default())
    }

    fn check_version(&self, flags: Validation, expected: &str, found: String) -> Result<(), TransformError> {
        let relations: [(Validation, &str, &[Ordering]); 5] = [
            (Validation::LESS, "<", &[Ordering::Less]),
            (Validation::LESS_OR_EQUAL, "<=", &[Ordering::Less, Ordering::Equal]),
            (Validation::EQUAL, "=", &[Ordering::Equal]),
            (Validation::GREATER_OR_EQUAL, ">=", &[Ordering::Greater, Ordering::Equal]),
            (Validation::GREATER, ">", &[Ordering::Greater]),
        ];
        let widths =
            [(Validation::UPDATE_VERSION, 3), (Validation::MINOR_VERSION, 2), (Validation::MAJOR_VERSION, 1)];
        let width = widths.into_iter().find(|(flag, _)| flags.contains(*flag)).map_or(3, |(_, width)| width);
        let order = fields(&found).into_iter().take(width).cmp(fields(expected).into_iter().take(width));
        for (flag, relation, orders) in relations {
            if flags.contains(flag) && !orders.contains(&order) {
                return Err(TransformError::Version { relation, expected: expected.to_owned(), found });
            }
        }
        Ok(())
    }
}

/// The first three fields of a version, which are those that count (page `productversion.md`).
fn fields(version: &str) -> [u32; 3] {
    let mut numbers = version.split('.').map(|field| field.trim().parse().unwrap_or_default());
    [(); 3].map(|()| numbers.next().unwrap_or_default())
}

/// A property from the Property table; the empty text when there is none.
pub(crate) fn property(database: &Database, name: &str) -> Result<String, DatabaseError> {
    let Some(table) = database.table("Property")? else { return Ok(String::new()) };
    let row = table.find(&[name.into()]);
    Ok(row.and_then(|row| row.text("Value")).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_number_names_two_products_and_their_family() {
        let products = Products::parse("{A}1.0.0; {B}2.1 ;{C}");
        assert_eq!(products.old, Product { code: "{A}", version: "1.0.0" });
        assert_eq!(products.new, Product { code: "{B}", version: "2.1" });
        assert_eq!(products.upgrade_code, "{C}");
        assert_eq!(Products::parse(""), Products::default());
        assert_eq!(Products::parse("1.0;}x").old.version, "1.0");
    }

    #[test]
    fn versions_are_compared_by_three_numbers() {
        assert_eq!(fields("1.02.3.4"), [1, 2, 3]);
        assert_eq!(fields("7"), [7, 0, 0]);
        assert_eq!(fields("x.99999999999.1"), [0, 0, 1]);
    }
}
