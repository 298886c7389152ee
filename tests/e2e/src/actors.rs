//! The two programs as a person meets them: the desk through WebDriver, the light box through mouse and keyboard; and
//! archives beside them.

mod archive;
mod browser;
mod desk;
mod fhir;
mod light_box;
mod orthanc;
mod peer;

pub(crate) use archive::{Archive, Slow, slow_line};
pub(crate) use browser::{Browser, Person, Provider};
pub(crate) use desk::Desk;
pub(crate) use fhir::{FhirServer, TOKEN};
pub(crate) use light_box::{LightBox, active, views};
pub(crate) use orthanc::{Orthanc, Wants};
