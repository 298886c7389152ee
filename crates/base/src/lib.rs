//! Ids, units, geometry and time.
