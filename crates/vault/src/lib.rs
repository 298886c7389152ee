//! Encrypted files and the key hierarchy.
//!
//! One random 256-bit [`MasterKey`] stands behind everything on disk. It comes from one
//! [`KeySource`]: the keyring of the operating system, or, where somebody chose so, a key file or a
//! systemd credential. Each use has a key of its own, derived from it ([`Purpose`]). Pixels and other
//! large objects are encrypted files ([`BlobWriter`], [`BlobReader`]) in a [`BlobStore`].
//!
//! Not here: the record database (crate `cache`, which takes [`Purpose::Records`]), quota, eviction.

pub mod blob;
mod error;
mod hex;
mod id;
mod key;
mod keysource;
mod memory;
mod store;

pub use blob::{BlobReader, BlobWriter, Durability, seal, unseal};
pub use error::{BlobError, KeyError, KeyFileFault};
pub use id::{BadBlobId, BlobId};
pub use key::{BlobKey, DerivedKey, MasterKey, Purpose};
pub use keysource::{KeySource, ServerSecret, SignInSecret};
pub use memory::leave_no_core_files;
pub use store::{BlobEntry, BlobStore};
