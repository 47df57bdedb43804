//! What objects made from an image repeat of it: patient, study, geometry and character set.
