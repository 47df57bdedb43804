//! Where mammograms come from: DICOM files ([`dicom`]) and phantoms ([`phantom`]).

pub mod dicom;
pub mod phantom;
