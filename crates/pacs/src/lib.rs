//! The hospital's network: DIMSE (PS3.7, PS3.8) and DICOMweb (PS3.18), as user; as provider only where asked.
//!
//! - [`echo`], [`find`], [`find_worklist`], [`send`], [`get`], [`move_to`], [`commit`]: one association each.
//! - [`WebClient`]: QIDO-RS, WADO-RS, STOW-RS.
//! - [`Retrieval`]: whole studies by either, in the order of a [`Plan`], resumed until nothing is missing.
//! - [`listen`]: takes objects from allowed peers; the only thing here that opens a listening socket.
//! - [`Sink`]: where received objects go. They come in as whole files, data set byte for byte as sent.
//!
//! All operations are cancellable, by their token or by dropping their future; memory is bounded by the limits
//! in `wire` and by bounded channels. Errors carry titles, counts and statuses, never patient data.
//! Not here: pixels, which are neither decoded nor transcoded, and keeping what came in.

mod association;
mod command;
mod commit;
mod error;
mod fetch;
mod find;
#[doc(hidden)]
pub mod from_bytes;
mod inbox;
mod keys;
mod list;
mod listen;
mod moving;
mod negotiate;
mod part10;
mod pins;
mod plan;
mod retrieve;
mod row;
mod sink;
mod slots;
mod status;
mod store;
mod syntax;
mod tcp;
mod tls;
mod web;
mod wire;
mod worker;

pub use commit::{Commitment, commit};
pub use error::{Breach, NetError};
pub use fetch::{Retrieved, SubOperations, Wanted, get};
pub use find::{Level, Query, echo, find, find_worklist, worklist_keys};
pub use inbox::Inbox;
pub use keys::{Keys, keyword, tag_named};
pub use listen::{Event, ListenSettings, Listener, listen};
pub use medsight_record::listener::Allowed;
pub use medsight_record::node;
pub use moving::{Mover, move_to};
pub use part10::ObjectName;
pub use pins::client_pinned;
pub use plan::{Item, Plan, Urgency};
pub use retrieve::{Remote, Retrieval, RetrieveReport};
pub use row::Row;
pub use sink::{Arrival, Kept, Sink, Taken};
pub use slots::Slots;
pub use status::meaning;
pub use store::{Delivery, Outcome, Patience, SendReport, Source, send};
pub use tls::client as client_tls;
pub use tokio_util::sync::CancellationToken;
pub use web::{Auth, Frame, Rendered, WebClient, WebQuery};
