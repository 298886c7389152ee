//! A system that findings, reports, made objects and audit events are sent to, as the settings keep it.
//!
//! Plain data, like [`crate::node`]. Not here: the sending, which is the business of `medsight-sync`; and secrets: a token
//! or password is in the keyring of the operating system, under the destination's URL.

mod access;
mod kind;

pub use access::{Access, ClientAccess};
pub use kind::Kind;

use crate::identity::IdentityError;
use crate::node::Tls;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// As the person calls it. Unique in the settings, and the name under which deliveries are kept.
    pub name: String,
    /// What goes there.
    pub takes: BTreeSet<Kind>,
    /// Whether what waited before the destination was set up goes there too.
    #[serde(default = "yes")]
    pub backlog: bool,
    /// Which system it is.
    pub to: To,
}

/// The systems that can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "system", rename_all = "snake_case")]
pub enum To {
    /// A FHIR R4 server.
    Fhir(FhirServer),
    /// A PACS of the settings' nodes.
    Pacs(PacsNode),
    /// An audit record repository (IHE ITI-20: RFC 5424 over TLS, RFC 5425).
    AuditRepository(AuditRepository),
    /// A system that takes HL7 v2 results (ORU^R01) over MLLP.
    Hl7(Hl7Receiver),
}

/// A FHIR R4 server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FhirServer {
    /// Base of the service.
    pub url: String,
    /// Certificates, where they are not those of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Public keys that the server may show, as base64 of the SHA-256 of SubjectPublicKeyInfo (RFC 7469 2.4). None: any that
    /// a trusted authority vouches for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<String>,
    /// How this workstation shows who it is.
    #[serde(default, skip_serializing_if = "Access::is_none")]
    pub sign_in: Access,
    /// Most resources of one transaction.
    #[serde(default = "fifty")]
    pub bundle: u16,
    /// Most requests at once.
    #[serde(default = "two")]
    pub parallel: u8,
    /// How a patient is named in what is sent.
    #[serde(default)]
    pub patients: Patients,
    /// System (a URI) of the Patient ID (0010,0020), as the server's Patient.identifier has it.
    pub patient_system: String,
    /// System (a URI) of the Accession Number (0008,0050).
    #[serde(default)]
    pub accession_system: String,
    /// Seconds to wait for the connection.
    #[serde(default = "ten")]
    pub connect_s: u16,
    /// Seconds to wait for an answer.
    #[serde(default = "sixty")]
    pub answer_s: u16,
}

/// How a patient is named in resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patients {
    /// By the identifier alone: the server has its patients from elsewhere.
    #[default]
    Refer,
    /// The patient is made where the server has none of the identifier.
    Create,
}

/// A PACS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacsNode {
    /// Name of the node in the settings.
    pub node: String,
    /// By STOW-RS, not by C-STORE.
    #[serde(default)]
    pub by_web: bool,
    /// Whether an object counts as delivered only when the node has promised to keep it (storage commitment).
    #[serde(default)]
    pub commitment: bool,
}

/// An audit record repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRepository {
    /// Name or address of the machine.
    pub host: String,
    /// TCP port; 6514 is registered (RFC 5425).
    #[serde(default = "syslog_tls")]
    pub port: u16,
    /// Certificates; a repository asks for this workstation's.
    #[serde(default)]
    pub tls: Tls,
    /// As in [`FhirServer::pins`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<String>,
    /// MSGID of RFC 5424: receivers differ in the word that they know a DICOM audit message by.
    #[serde(default = "dicom_rfc3881")]
    pub message_id: String,
}

/// A receiver of HL7 v2 results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hl7Receiver {
    /// Name or address of the machine.
    pub host: String,
    /// TCP port; 2575 is registered for MLLP.
    #[serde(default = "mllp")]
    pub port: u16,
    /// With TLS, and how. `None` only inside a network that protects itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// As in [`FhirServer::pins`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<String>,
    /// MSH-5.
    pub application: String,
    /// MSH-6.
    #[serde(default)]
    pub facility: String,
    /// PID-3.4: assigning authority of the Patient ID.
    #[serde(default)]
    pub authority: String,
}

/// Why a destination can't be used as it stands in the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Nothing to call it by, or another is called so.
    #[error("the destination needs a name that no other destination has")]
    Name,
    /// Nothing goes there.
    #[error("the destination takes nothing: choose what goes there")]
    TakesNothing,
    /// It cannot take what it is to be sent.
    #[error("a system of this kind cannot take what is chosen for it ({0})")]
    CannotTake(&'static str),
    /// Not an address.
    #[error(
        "the destination needs an address: a URL that begins with https:// or http://, or a host and port"
    )]
    Address,
    /// A patient's ID without its system names nobody.
    #[error("the destination needs the system of its patient identifiers, a URI")]
    PatientSystem,
    /// A pin is 32 bytes in base64.
    #[error("a pinned key has to be the base64 of a SHA-256")]
    Pin,
    /// The provider of its tokens can't be used.
    #[error("the sign-in server of the destination: {0}")]
    SignIn(IdentityError),
    /// A name that HTTP Basic cannot carry (RFC 7617 2: no colon), or none.
    #[error("signing in with a password needs a name without a colon")]
    User,
    /// Nothing at once sends nothing.
    #[error("a transaction holds from 1 to 1000 resources, and from 1 to 16 requests run at once")]
    Limits,
    /// PACS of this name are not in the settings.
    #[error("there is no server of this name in the settings")]
    NoSuchNode,
}

impl Destination {
    /// Checks what the form cannot.
    ///
    /// # Errors
    /// [`DestinationError`], naming the field.
    pub fn check(&self) -> Result<(), DestinationError> {
        use DestinationError as E;
        if self.name.trim().is_empty() {
            return Err(E::Name);
        }
        if self.takes.is_empty() {
            return Err(E::TakesNothing);
        }
        let can: &[Kind] = match &self.to {
            To::Fhir(_) => {
                &[Kind::Annotation, Kind::ReadState, Kind::Report, Kind::Critical, Kind::Claim, Kind::Audit]
            }
            To::Pacs(_) => &[Kind::Study, Kind::Object, Kind::Report],
            To::AuditRepository(_) => &[Kind::Audit],
            To::Hl7(_) => &[Kind::Report],
        };
        if let Some(kind) = self.takes.iter().find(|kind| !can.contains(kind)) {
            return Err(E::CannotTake(kind.word()));
        }
        let is_host = |host: &str, port: u16| !host.trim().is_empty() && port != 0;
        let has_address = match &self.to {
            To::Fhir(to) => to.url.starts_with("https://") || to.url.starts_with("http://"),
            To::Pacs(to) => !to.node.is_empty(),
            To::AuditRepository(to) => is_host(&to.host, to.port),
            To::Hl7(to) => is_host(&to.host, to.port),
        };
        if !has_address {
            return Err(E::Address);
        }
        if !self.pins().iter().all(|pin| is_pin(pin)) {
            return Err(E::Pin);
        }
        if let To::Fhir(to) = &self.to {
            if !to.patient_system.contains(':') {
                return Err(E::PatientSystem);
            }
            if !(1..=1000).contains(&to.bundle) || !(1..=16).contains(&to.parallel) {
                return Err(E::Limits);
            }
            match &to.sign_in {
                Access::Basic { user } if user.trim().is_empty() || user.contains(':') => {
                    return Err(E::User);
                }
                Access::Client(client) => client.provider().check().map_err(E::SignIn)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Public keys that the destination may show; none: any.
    #[must_use]
    pub fn pins(&self) -> &[String] {
        match &self.to {
            To::Fhir(to) => &to.pins,
            To::Pacs(_) => &[],
            To::AuditRepository(to) => &to.pins,
            To::Hl7(to) => &to.pins,
        }
    }
}

/// Checks every destination, and that each has a name of its own.
///
/// # Errors
/// The first [`DestinationError`].
pub fn check_all(destinations: &[Destination]) -> Result<(), DestinationError> {
    for (at, destination) in destinations.iter().enumerate() {
        destination.check()?;
        if destinations[..at].iter().any(|other| other.name == destination.name) {
            return Err(DestinationError::Name);
        }
    }
    Ok(())
}

/// Base64 of 32 bytes: 43 characters and one sign of padding.
fn is_pin(pin: &str) -> bool {
    let body = pin.strip_suffix('=').unwrap_or("");
    body.len() == 43 && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

const fn yes() -> bool {
    true
}

const fn two() -> u8 {
    2
}

const fn fifty() -> u16 {
    50
}

const fn ten() -> u16 {
    10
}

const fn sixty() -> u16 {
    60
}

const fn syslog_tls() -> u16 {
    6514
}

const fn mllp() -> u16 {
    2575
}

fn dicom_rfc3881() -> String {
    "DICOM+RFC3881".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fhir() -> Destination {
        let text = "name = \"hospital\"\ntakes = [\"report\", \"annotation\"]\n[to]\nsystem = \"fhir\"\n\
                    url = \"https://fhir.hospital/r4\"\npatient_system = \"urn:oid:1.2.3\"";
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_destination_is_stored_and_read_again_without_loss() {
        let destination = fhir();
        assert_eq!(destination.check(), Ok(()));
        let text = toml::to_string(&destination).unwrap();
        assert_eq!(toml::from_str::<Destination>(&text).unwrap(), destination);
        let To::Fhir(to) = destination.to else { panic!("a FHIR server") };
        assert_eq!((to.bundle, to.parallel, to.patients), (50, 2, Patients::Refer));
    }

    #[test]
    fn a_pacs_takes_no_reports_and_a_misspelt_name_is_refused() {
        let pacs = Destination {
            to: To::Pacs(PacsNode { node: "archive".into(), by_web: true, commitment: false }),
            ..fhir()
        };
        assert_eq!(pacs.check(), Err(DestinationError::CannotTake("annotation")));
        let text = toml::to_string(&fhir()).unwrap().replace("patient_system", "patients_system");
        assert!(toml::from_str::<Destination>(&text).is_err());
    }

    #[test]
    fn a_pin_that_is_no_hash_is_refused() {
        let with = |pin: &str| {
            let mut destination = fhir();
            let To::Fhir(to) = &mut destination.to else { panic!("a FHIR server") };
            to.pins = vec![pin.to_owned()];
            destination.check()
        };
        assert_eq!(with("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="), Ok(()));
        assert_eq!(with("sha256/LPJNul"), Err(DestinationError::Pin));
    }

    #[test]
    fn two_destinations_of_one_name_are_refused() {
        assert_eq!(check_all(&[fhir(), fhir()]), Err(DestinationError::Name));
    }
}
