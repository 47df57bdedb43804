//! DIMSE: what DICOM nodes say to each other over TCP (PS3.7, PS3.8).

pub mod command;
pub mod scu;
pub mod tls;
