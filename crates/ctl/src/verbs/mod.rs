//! One module a verb. Each has its `Args` and `run(&Args, &Output) -> Exit`.

pub(crate) mod decode;
pub(crate) mod info;
pub(crate) mod volume;
