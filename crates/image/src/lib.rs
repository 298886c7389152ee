//! Frames, volumes and CPU twins of every shader.
