//! Systems that findings, reports, objects and audit events are sent to: their form in the settings, and a test of one.
//!
//! No secret crosses back: what is kept is in the keyring.

use super::TlsForm;
use medsight_record::destination::{
    Access, AuditRepository, ClientAccess, Destination, FhirServer, Hl7Receiver, Kind, PacsNode, Patients, To,
};
use medsight_record::node::Tls;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use ts_rs::TS;

/// A destination, as the form has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestinationForm {
    /// As the person calls it.
    pub name: String,
    /// Words of what goes there: `annotation`, `report`…
    #[ts(type = "string[]")]
    pub takes: BTreeSet<Kind>,
    /// What waited before it was set up goes there too.
    pub backlog: bool,
    /// Which system it is.
    pub to: ToForm,
}

/// The systems that can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(tag = "system", rename_all = "snake_case")]
pub enum ToForm {
    /// A FHIR R4 server.
    Fhir(FhirForm),
    /// A PACS of the settings' servers.
    Pacs(PacsForm),
    /// An audit record repository.
    AuditRepository(RepositoryForm),
    /// A system that takes HL7 v2 results.
    Hl7(Hl7Form),
}

/// A FHIR R4 server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FhirForm {
    /// Base of the service.
    pub url: String,
    /// Certificates, where they are not those of the platform.
    pub tls: Option<TlsForm>,
    /// Public keys that the server may show.
    pub pins: Vec<String>,
    /// How this workstation signs in.
    pub sign_in: AccessForm,
    /// Most resources of one transaction, 1 to 1000.
    pub bundle: u16,
    /// Most requests at once, 1 to 16.
    pub parallel: u8,
    /// Patients are made where the server has none of the identifier.
    pub create_patients: bool,
    /// System (a URI) of the Patient ID.
    pub patient_system: String,
    /// System (a URI) of the Accession Number, or empty.
    pub accession_system: String,
    /// Seconds to wait for the connection.
    pub connect_s: u16,
    /// Seconds to wait for an answer.
    pub answer_s: u16,
}

/// How this workstation signs in to a FHIR server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(tag = "by", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum AccessForm {
    /// Not at all, or by a certificate.
    None,
    /// By a bearer token that does not change.
    Bearer,
    /// By name and password.
    Basic {
        /// The name.
        user: String,
    },
    /// By tokens that a sign-in server gives to this workstation.
    Client {
        /// The sign-in server, as it names itself.
        issuer: String,
        /// This workstation's name there.
        client_id: String,
        /// What is asked for.
        scopes: String,
        /// For whom the tokens are, or empty.
        resource: String,
        /// File of its authorities, or empty.
        authorities: String,
    },
}

/// A PACS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PacsForm {
    /// Name of the server in the settings.
    pub node: String,
    /// By STOW-RS, not by C-STORE.
    pub by_web: bool,
    /// An object counts as delivered only when the server has promised to keep it.
    pub commitment: bool,
}

/// An audit record repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryForm {
    /// Name or address of the machine.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Certificates.
    pub tls: TlsForm,
    /// Public keys that it may show.
    pub pins: Vec<String>,
    /// MSGID of its records.
    pub message_id: String,
}

/// A receiver of HL7 v2 results.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Hl7Form {
    /// Name or address of the machine.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// With TLS, and how.
    pub tls: Option<TlsForm>,
    /// Public keys that it may show.
    pub pins: Vec<String>,
    /// MSH-5.
    pub application: String,
    /// MSH-6.
    pub facility: String,
    /// PID-3.4.
    pub authority: String,
}

/// Asks a destination as it stands in the form.
#[derive(Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestinationTestRequest {
    /// The destination.
    pub destination: DestinationForm,
    /// The token, password or client secret that is typed; absent when the keyring has it.
    pub secret: Option<String>,
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

fn pins(typed: Vec<String>) -> Vec<String> {
    typed.iter().map(|pin| trimmed(pin)).filter(|pin| !pin.is_empty()).collect()
}

impl From<DestinationForm> for Destination {
    fn from(form: DestinationForm) -> Self {
        Self { name: trimmed(&form.name), takes: form.takes, backlog: form.backlog, to: form.to.into() }
    }
}

impl From<ToForm> for To {
    fn from(form: ToForm) -> Self {
        match form {
            ToForm::Fhir(to) => Self::Fhir(FhirServer {
                url: trimmed(&to.url),
                tls: to.tls.map(Tls::from),
                pins: pins(to.pins),
                sign_in: to.sign_in.into(),
                bundle: to.bundle,
                parallel: to.parallel,
                patients: if to.create_patients { Patients::Create } else { Patients::Refer },
                patient_system: trimmed(&to.patient_system),
                accession_system: trimmed(&to.accession_system),
                connect_s: to.connect_s,
                answer_s: to.answer_s,
            }),
            ToForm::Pacs(to) => {
                Self::Pacs(PacsNode { node: to.node, by_web: to.by_web, commitment: to.commitment })
            }
            ToForm::AuditRepository(to) => Self::AuditRepository(AuditRepository {
                host: trimmed(&to.host),
                port: to.port,
                tls: to.tls.into(),
                pins: pins(to.pins),
                message_id: trimmed(&to.message_id),
            }),
            ToForm::Hl7(to) => Self::Hl7(Hl7Receiver {
                host: trimmed(&to.host),
                port: to.port,
                tls: to.tls.map(Tls::from),
                pins: pins(to.pins),
                application: trimmed(&to.application),
                facility: trimmed(&to.facility),
                authority: trimmed(&to.authority),
            }),
        }
    }
}

impl From<AccessForm> for Access {
    fn from(form: AccessForm) -> Self {
        match form {
            AccessForm::None => Self::None,
            AccessForm::Bearer => Self::Bearer,
            AccessForm::Basic { user } => Self::Basic { user: trimmed(&user) },
            AccessForm::Client { issuer, client_id, scopes, resource, authorities } => {
                let authorities = trimmed(&authorities);
                Self::Client(ClientAccess {
                    issuer: trimmed(&issuer),
                    client_id: trimmed(&client_id),
                    scopes: trimmed(&scopes),
                    resource: trimmed(&resource),
                    authorities: (!authorities.is_empty()).then(|| PathBuf::from(authorities)),
                })
            }
        }
    }
}

impl From<&Destination> for DestinationForm {
    fn from(destination: &Destination) -> Self {
        let to = match &destination.to {
            To::Fhir(to) => ToForm::Fhir(FhirForm {
                url: to.url.clone(),
                tls: to.tls.as_ref().map(TlsForm::from),
                pins: to.pins.clone(),
                sign_in: AccessForm::from(&to.sign_in),
                bundle: to.bundle,
                parallel: to.parallel,
                create_patients: to.patients == Patients::Create,
                patient_system: to.patient_system.clone(),
                accession_system: to.accession_system.clone(),
                connect_s: to.connect_s,
                answer_s: to.answer_s,
            }),
            To::Pacs(to) => {
                ToForm::Pacs(PacsForm { node: to.node.clone(), by_web: to.by_web, commitment: to.commitment })
            }
            To::AuditRepository(to) => ToForm::AuditRepository(RepositoryForm {
                host: to.host.clone(),
                port: to.port,
                tls: TlsForm::from(&to.tls),
                pins: to.pins.clone(),
                message_id: to.message_id.clone(),
            }),
            To::Hl7(to) => ToForm::Hl7(Hl7Form {
                host: to.host.clone(),
                port: to.port,
                tls: to.tls.as_ref().map(TlsForm::from),
                pins: to.pins.clone(),
                application: to.application.clone(),
                facility: to.facility.clone(),
                authority: to.authority.clone(),
            }),
        };
        Self {
            name: destination.name.clone(),
            takes: destination.takes.clone(),
            backlog: destination.backlog,
            to,
        }
    }
}

impl From<&Access> for AccessForm {
    fn from(access: &Access) -> Self {
        match access {
            Access::None => Self::None,
            Access::Bearer => Self::Bearer,
            Access::Basic { user } => Self::Basic { user: user.clone() },
            Access::Client(client) => Self::Client {
                issuer: client.issuer.clone(),
                client_id: client.client_id.clone(),
                scopes: client.scopes.clone(),
                resource: client.resource.clone(),
                authorities: client
                    .authorities
                    .as_ref()
                    .map(|file| file.display().to_string())
                    .unwrap_or_default(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_that_went_through_the_form_is_the_same_one() {
        let texts = [
            "name = \"a\"\ntakes = [\"report\", \"audit\"]\n[to]\nsystem = \"fhir\"\nurl = \"https://f/r4\"\n\
             patient_system = \"urn:oid:1\"\npins = [\"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\"]\n\
             [to.tls]\nauthorities = \"/ca.pem\"\n[to.sign_in]\nby = \"client\"\nissuer = \"https://id\"\n\
             client_id = \"w\"\nscopes = \"system/*.cruds\"\nresource = \"urn:f\"\n",
            "name = \"b\"\ntakes = [\"object\"]\nbacklog = false\n[to]\nsystem = \"pacs\"\nnode = \"n\"\nby_web = true\n",
            "name = \"c\"\ntakes = [\"audit\"]\n[to]\nsystem = \"audit_repository\"\nhost = \"h\"\n",
            "name = \"d\"\ntakes = [\"report\"]\n[to]\nsystem = \"hl7\"\nhost = \"h\"\napplication = \"RIS\"\n",
        ];
        for text in texts {
            let destination: Destination = toml::from_str(text).unwrap();
            assert_eq!(destination.check(), Ok(()));
            let crossed = serde_json::to_string(&DestinationForm::from(&destination)).unwrap();
            let form: DestinationForm = serde_json::from_str(&crossed).unwrap();
            assert_eq!(Destination::from(form), destination);
        }
    }
}
