//! Synthetic mammograms as valid DICOM.
