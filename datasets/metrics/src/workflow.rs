//! What a programme would see: triage, second reader, arbitration.
