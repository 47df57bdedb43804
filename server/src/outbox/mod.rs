//! Deliveries of results to destinations.
