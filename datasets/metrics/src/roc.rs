//! Receiver operating characteristic: AUC, DeLong, partial AUC.
