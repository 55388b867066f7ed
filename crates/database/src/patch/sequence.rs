//! The order in which patches are applied (pages `sequencing-patches.md` and `msipatchsequence-table.md`).

use super::{Applied, Patch, PatchError};
use crate::transform::property;
use crate::{Database, DatabaseError};

/// The bit `msidbPatchSequenceSupersedeEarlier`.
const SUPERSEDE_EARLIER: i32 = 1;

/// A row of the table `MsiPatchSequence`: the place of a patch in a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// The family.
    pub family: String,
    /// The product that the row is about; all products when there is none.
    pub product: Option<String>,
    /// The place among the patches of the family, a version of one to four fields.
    pub sequence: String,
    /// Whether the patch has all that earlier ones of the family have.
    pub supersedes_earlier: bool,
}

impl Patch {
    /// The rows of the patch's table `MsiPatchSequence`; none when it does not have one.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn sequences(&self) -> Result<Vec<Sequence>, DatabaseError> {
        let Some(table) = self.database.table("MsiPatchSequence")? else { return Ok(Vec::new()) };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let rows = table.rows().map(|row| Sequence {
            family: text(row.text("PatchFamily")),
            product: row.text("ProductCode").map(str::to_owned),
            sequence: text(row.text("Sequence")),
            supersedes_earlier: row.integer("Attributes").unwrap_or_default() & SUPERSEDE_EARLIER != 0,
        });
        Ok(rows.collect())
    }

    /// The places of the patch in its families, for one product.
    fn places(&self, product: &str) -> Result<Vec<Place>, DatabaseError> {
        let rows = self.sequences()?;
        let is_for =
            |row: &&Sequence| row.product.as_ref().is_some_and(|code| code.eq_ignore_ascii_case(product));
        let own: Vec<&Sequence> = rows.iter().filter(is_for).collect();
        let general = rows
            .iter()
            .filter(|row| row.product.is_none() && !own.iter().any(|other| other.family == row.family));
        let place = |row: &Sequence| Place {
            family: row.family.clone(),
            sequence: fields(&row.sequence),
            supersedes: row.supersedes_earlier,
        };
        Ok(own.iter().copied().chain(general).map(place).collect())
    }
}

/// The place of a patch in a family.
#[derive(Debug, Clone)]
struct Place {
    family: String,
    sequence: [u32; 4],
    supersedes: bool,
}

/// What became of one of several patches.
#[derive(Debug)]
pub struct Outcome {
    /// The patch's place in the list that was given.
    pub patch: usize,
    /// What it did, or why it was not applied.
    pub result: Result<Applied, PatchError>,
}

/// Applies patches in their documented order: those without `MsiPatchSequence` as they are given, then for each version of
/// the product first the small updates for it, in the order of their sequence, and then the minor upgrade to the lowest
/// version that fits. Gives what became of each patch in the order of application; those that were not applied are
/// last.
///
/// # Errors
/// When the database or the table `MsiPatchSequence` of a patch cannot be read. A patch that fails has its error in the
/// result, and changes nothing.
pub fn apply_all(patches: &[Patch], database: &mut Database) -> Result<Vec<Outcome>, PatchError> {
    let product = property(database, "ProductCode")?;
    let mut results = Vec::new();
    let mut failures = Vec::new();
    let mut waiting = Vec::new();
    for (number, patch) in patches.iter().enumerate() {
        let places = patch.places(&product)?;
        if !places.is_empty() {
            waiting.push((number, patch, places));
            continue;
        }
        match patch.apply(database) {
            Ok(applied) => results.push(Outcome { patch: number, result: Ok(applied) }),
            result => failures.push(Outcome { patch: number, result }),
        }
    }
    loop {
        // What fits now, and whether it changes the version.
        let mut small = Vec::new();
        let mut upgrades = Vec::new();
        for (position, (_, patch, places)) in waiting.iter().enumerate() {
            let Ok((_, transform)) = patch.target(database) else { continue };
            if transform.changes_version() {
                upgrades.push((transform.new_version(), position));
            } else {
                small.push((position, places.clone()));
            }
        }
        let next = match first_of(&small) {
            Some(position) => {
                let superseded = small.iter().any(|(other, places)| {
                    *other != position
                        && waiting.get(position).is_some_and(|(.., own)| supersedes(places, own))
                });
                if superseded {
                    let (number, ..) = waiting.remove(position);
                    failures.push(Outcome { patch: number, result: Err(PatchError::Superseded) });
                    continue;
                }
                position
            }
            None => match upgrades.iter().min() {
                Some((_, position)) => *position,
                None => break,
            },
        };
        let (number, patch, _) = waiting.remove(next);
        match patch.apply(database) {
            Ok(applied) => results.push(Outcome { patch: number, result: Ok(applied) }),
            result => failures.push(Outcome { patch: number, result }),
        }
    }
    failures.extend(
        waiting
            .into_iter()
            .map(|(number, patch, _)| Outcome { patch: number, result: patch.apply(database) }),
    );
    results.extend(failures);
    Ok(results)
}

/// The patch that no other one precedes; where the families contradict each other, the first.
fn first_of(patches: &[(usize, Vec<Place>)]) -> Option<usize> {
    let is_first = |own: &[Place]| {
        !patches.iter().any(|(_, places)| {
            places.iter().any(|other| {
                own.iter().any(|place| place.family == other.family && other.sequence < place.sequence)
            })
        })
    };
    let first = patches.iter().find(|(_, places)| is_first(places)).or(patches.first());
    first.map(|(position, _)| *position)
}

/// Whether a patch has all that another one has, in each of the other's families.
fn supersedes(places: &[Place], other: &[Place]) -> bool {
    other.iter().all(|old| {
        places.iter().any(|new| new.supersedes && new.family == old.family && new.sequence > old.sequence)
    })
}

/// The fields of a sequence; fewer than four are followed by zeros.
fn fields(sequence: &str) -> [u32; 4] {
    let mut numbers = sequence.split('.').map(|field| field.trim().parse().unwrap_or_default());
    [(); 4].map(|()| numbers.next().unwrap_or_default())
}
