//! The secondary installer of a session: it may register resources and leave (RmJoinSession).

use crate::error::Error;
use crate::resource::Resources;
use crate::session::Session;
use crate::session_key::SessionKey;
use crate::store::Store;

/// A process that joined a session by its key.
///
/// Listing, shutting down, restarting and filtering belong to the primary installer, and this type has no
/// such functions.
#[must_use = "a joined session is there to register resources with"]
#[derive(Debug)]
pub struct Secondary {
    session: Session,
}

impl Secondary {
    /// Joins the session with this key in the user's store.
    ///
    /// # Errors
    /// [`Error::UnknownSession`] (1219) when this user has no such session, and what [`Store::open`] gives.
    pub fn join(key: &SessionKey) -> Result<Secondary, Error> {
        Secondary::join_in(&Store::open()?, key)
    }

    /// Joins the session with this key in this store.
    ///
    /// # Errors
    /// As [`Secondary::join`]. A session whose primary installer has ended is not there any more.
    pub fn join_in(store: &Store, key: &SessionKey) -> Result<Secondary, Error> {
        let session = Session::open(store, key)?;
        match session.identity() {
            Some(identity) if identity.is_alive() => Ok(Secondary { session }),
            _ => Err(Error::UnknownSession { key: key.clone() }),
        }
    }

    /// The session's key.
    pub fn key(&self) -> &SessionKey {
        &self.session.key
    }

    /// Registers resources (RmRegisterResources). Each call writes once: register in batches.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] (6) when the primary installer has ended the session; [`Error::BadArguments`]
    /// for a relative path.
    pub fn register(&self, resources: &Resources) -> Result<(), Error> {
        crate::primary::check(resources)?;
        self.session.register(resources)
    }

    /// Leaves the session, which goes on (RmEndSession of a secondary installer).
    pub fn leave(self) {}
}
