//! The two programs as a person meets them: the desk through WebDriver, the light box through mouse and keyboard; and
//! archives beside them.

mod archive;
mod browser;
mod desk;
mod light_box;
mod orthanc;

pub(crate) use archive::{Archive, Slow, slow_line};
pub(crate) use browser::{Browser, Person, Provider};
pub(crate) use desk::Desk;
pub(crate) use light_box::{LightBox, active, views};
pub(crate) use orthanc::{Orthanc, Wants};
