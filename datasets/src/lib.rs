//! Where mammograms come from: DICOM files ([`dicom`]), phantoms ([`phantom`]) and public sets ([`sets`]).

pub mod dicom;
pub mod phantom;
pub mod sets;
