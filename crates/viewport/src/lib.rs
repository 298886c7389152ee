//! egui views and tools.
