//! The two programs as a person meets them: the desk through WebDriver, the light box through mouse and keyboard; and
//! an archive beside them.

mod archive;
mod desk;
mod light_box;

pub(crate) use archive::Archive;
pub(crate) use desk::Desk;
pub(crate) use light_box::{LightBox, active, views};
