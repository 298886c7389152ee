//! Why something cannot be drawn.

use medsight_gpu::OutOfGpuMemory;
use medsight_gpu::kernel::KernelError;

/// Why something cannot be uploaded or drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A shader does not compile: a fault of the program.
    #[error("shader {name}: {reason}")]
    Shader {
        /// File in `shaders/`.
        name: String,
        /// What the compiler says.
        reason: String,
    },
    /// The graphics memory does not hold it.
    #[error(transparent)]
    Memory(#[from] OutOfGpuMemory),
    /// An edge is longer than the adapter allows.
    #[error("{edge} pixels along one edge, the graphics adapter allows {limit}")]
    TooLarge {
        /// Longest edge.
        edge: usize,
        /// What the adapter allows.
        limit: u32,
    },
    /// The number of samples does not fit the size: a fault upstream.
    #[error("{found} samples, the size needs {needed}")]
    Length {
        /// Samples there.
        found: usize,
        /// Samples needed.
        needed: usize,
    },
    /// The picture could not be read back from the device.
    #[error("the picture could not be read back: {0}")]
    ReadBack(String),
}

impl From<KernelError> for RenderError {
    fn from(error: KernelError) -> Self {
        Self::Shader { name: error.name, reason: error.reason }
    }
}
