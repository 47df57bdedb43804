//! DIMSE: what DICOM nodes say to each other over TCP (PS3.7, PS3.8).
//!
//! The node that others push to, from the socket upwards: `listen` accepts connections and counts them, `wire` reads
//! and writes PDUs within their limits, `negotiate` answers requests for associations, `message` puts fragments together,
//! `association` hands each message to its service: `storage` (C-STORE), `commitment` (storage commitment, both ways),
//! `notice` (performed procedure steps and instance availability). `report` opens associations to those who asked us to
//! commit. `classes` says what is taken part in. `scu` is the other direction, `tls` serves both.
//!
//! Invariants: an association that misbehaves, waits or dies harms no other; memory for one is a PDU, a command set and
//! the write buffer of one object; success is said of what is on disk.

mod association;
pub mod classes;
pub mod command;
mod commitment;
mod listen;
mod message;
mod negotiate;
mod notice;
pub(crate) mod part10;
mod report;
pub mod scu;
mod storage;
pub mod tls;
mod wire;

pub use classes::{storage_classes, transfer_syntaxes};
pub use commitment::parse_event;
pub use listen::{BindError, Outlets, Scp};
pub use message::{Assembler, InvalidMessage, Step};
pub(crate) use negotiate::own_variables;
pub use notice::Notice;
pub use wire::{Fragment, Incoming, WireError, parse};

/// Implementation Class UID (PS3.7 D.3.3.2): this program, in all its versions, so that the same data set gives the same
/// file whichever version receives it.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.47448389187263721416157235589013993365";

/// Implementation Version Name (PS3.7 D.3.3.2), without a version likewise.
pub const IMPLEMENTATION_VERSION_NAME: &str = "UVID";
