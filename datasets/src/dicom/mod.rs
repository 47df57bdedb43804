//! Reading mammograms from DICOM.
