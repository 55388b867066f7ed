//! The kinds of files that are databases.

/// What kind of file a database is, as its class identifier tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DatabaseKind {
    /// An installation package (`.msi`) or a merge module (`.msm`).
    #[default]
    Package,
    /// A transform (`.mst`, or a storage within a package or patch). Its tables are differences, so none is
    /// listed.
    Transform,
    /// A patch (`.msp`).
    Patch,
    /// Any other class.
    Other,
}

impl DatabaseKind {
    /// Stored order is the one of a Windows GUID: the first three groups with their low byte first.
    pub(crate) fn class(self) -> [u8; 16] {
        let mut class = [0x00, 0x10, 0x0C, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46];
        let low = match self {
            Self::Package => 0x84,
            Self::Transform => 0x82,
            Self::Patch => 0x86,
            Self::Other => return [0; 16],
        };
        class[0] = low;
        class
    }

    pub(super) fn of_class(class: [u8; 16]) -> Self {
        let kinds = [Self::Package, Self::Transform, Self::Patch];
        kinds.into_iter().find(|kind| kind.class() == class).unwrap_or(Self::Other)
    }
}
