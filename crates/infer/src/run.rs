//! What a run of a model tells while it runs, and why it does not.

/// Why a model gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The model takes other channels.
    #[error("the model takes {expected} channels, the image has {found}")]
    Channels {
        /// Channels of the model.
        expected: usize,
        /// Channels that were given.
        found: usize,
    },
    /// The channels are not on one grid.
    #[error("the channels of the image do not have the same rows, columns and slices")]
    Grids,
    /// A distance between voxels is none.
    #[error("the spacing of the voxels (Pixel Spacing and the distance of the slices) is {0:?} mm")]
    Spacing([f64; 3]),
    /// A model of volumes was given one slice.
    #[error("the model takes a volume; the series has a single slice, row or column")]
    SingleSlice,
    /// The series is not one that the model was made for.
    #[error("the model is not for this series: {attribute} is \"{found}\", the model takes {expected}")]
    Misfit {
        /// The attribute, with its tag.
        attribute: &'static str,
        /// Its value.
        found: String,
        /// What the model takes.
        expected: String,
    },
    /// The channels lie in different frames of reference: nothing says where one is in the other.
    #[error(
        "the channel {channel} has another Frame of Reference UID (0020,0052) than the first one, or one of them has none"
    )]
    FrameOfReference {
        /// The channel.
        channel: String,
    },
    /// An image that was given for a channel does not fit.
    #[error("the channel {channel}: {error}")]
    Channel {
        /// The channel.
        channel: String,
        /// Why not.
        error: Box<InferError>,
    },
    /// A voxel of the image is infinite or none.
    #[error("the image holds a value that is infinite or none (NaN)")]
    NotFinite,
    /// The network's answer is beyond half precision: its weights or the image's values are not what it was made for.
    #[error("the model's answer is not finite: its weights do not fit this image")]
    Overflow,
    /// Not even the smallest patch fits.
    #[error("there is no room for the model: {0}")]
    Memory(#[from] medsight_gpu::OutOfGpuMemory),
    /// The device failed.
    #[error("the device that runs the model failed: {0}")]
    Device(String),
    /// The run was ended.
    #[error("the run was ended")]
    Stopped,
}

/// Where a run tells how far it is.
pub struct Progress<'a> {
    tell: &'a (dyn Fn(f32) + Sync),
    from: f32,
    to: f32,
}

impl<'a> Progress<'a> {
    /// `tell` is called with the part that is done, 0 to 1, ascending.
    pub fn new(tell: &'a (dyn Fn(f32) + Sync)) -> Self {
        Self { tell, from: 0.0, to: 1.0 }
    }

    /// The `part`th of `parts` equal parts.
    pub(crate) fn part(&self, part: usize, parts: usize) -> Self {
        let at = |part: usize| self.from + (self.to - self.from) * part as f32 / parts as f32;
        Self { tell: self.tell, from: at(part), to: at(part + 1) }
    }

    pub(crate) fn tell(&self, done: f32) {
        (self.tell)(self.from + (self.to - self.from) * done);
    }
}
