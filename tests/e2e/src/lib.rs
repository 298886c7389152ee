//! Drives the real application on a screen of its own and looks at what is shown.
