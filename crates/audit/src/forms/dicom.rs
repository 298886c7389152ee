//! DICOM audit message (PS3.15 A.5, schema in A.5.1): one XML document an event, without a declaration, in UTF-8.
//!
//! The schema wants a name or a query of every object. Patients' names are not in the trail, so a patient is named by
//! the Patient ID and a study by its kind.

use super::shape::{APPLICATION, Code, DESTINATION, SOURCE, STUDY, shape};
use crate::{AuditEvent, Link, Outcome, canonical_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The message of one event. `site` names the trail, as AuditEnterpriseSiteID.
#[must_use]
pub fn dicom(link: &Link, site: &str) -> String {
    let event = &link.event;
    let mut out = String::with_capacity(1500);
    out.push_str("<AuditMessage>");
    identification(&mut out, event);
    participants(&mut out, event);
    let from = event.more.from.clone().unwrap_or_default();
    out.push_str("<AuditSourceIdentification");
    attribute(&mut out, "AuditEnterpriseSiteID", site);
    attribute(&mut out, "AuditSourceID", named(&from.station));
    // 1 is an end-user display device.
    out.push_str("><AuditSourceTypeCode csd-code=\"1\"/></AuditSourceIdentification>");
    objects(&mut out, link);
    out.push_str("</AuditMessage>");
    out
}

fn identification(out: &mut String, event: &AuditEvent) {
    let shape = shape(event.action());
    out.push_str("<EventIdentification");
    attribute(out, "EventActionCode", &shape.letter.to_string());
    attribute(out, "EventDateTime", &event.when.iso());
    attribute(out, "EventOutcomeIndicator", &event.more.outcome.code().to_string());
    out.push('>');
    code(out, "EventID", shape.event);
    if let Some(kind) = shape.kind {
        code(out, "EventTypeCode", kind);
    }
    out.push_str("<EventTypeCode");
    attribute(out, "csd-code", &event.what);
    out.push_str(" codeSystemName=\"99MEDSIGHT\"");
    attribute(out, "originalText", &event.what.replace('_', " "));
    out.push_str("/>");
    if let Some(reason) = &event.more.reason {
        out.push_str("<EventOutcomeDescription>");
        text(out, reason);
        out.push_str("</EventOutcomeDescription>");
    } else if event.more.outcome != Outcome::Success {
        out.push_str("<EventOutcomeDescription>failed</EventOutcomeDescription>");
    }
    out.push_str("</EventIdentification>");
}

/// Who asked, the program that did it and, where something left this computer or came to it, the other end.
fn participants(out: &mut String, event: &AuditEvent) {
    let more = &event.more;
    let from = more.from.clone().unwrap_or_default();
    out.push_str("<ActiveParticipant");
    attribute(out, "UserID", named(&event.who));
    if let Some(name) = &more.name {
        attribute(out, "UserName", name);
    }
    out.push_str(" UserIsRequestor=\"true\"");
    place(out, &from.station);
    out.push('>');
    for role in &more.roles {
        out.push_str("<RoleIDCode");
        attribute(out, "csd-code", role);
        out.push_str(" codeSystemName=\"99MEDSIGHT\"");
        attribute(out, "originalText", &role.replace('_', " "));
        out.push_str("/>");
    }
    out.push_str("</ActiveParticipant>");
    let other = other_end(event);
    let letter = shape(event.action()).letter;
    let (ours, theirs) = match (&other, letter) {
        (None, _) => (APPLICATION, APPLICATION),
        (Some(_), 'C') => (DESTINATION, SOURCE),
        (Some(_), _) => (SOURCE, DESTINATION),
    };
    out.push_str("<ActiveParticipant");
    attribute(out, "UserID", named(&from.program));
    out.push_str(" UserIsRequestor=\"false\"");
    place(out, &from.station);
    out.push('>');
    code(out, "RoleIDCode", ours);
    out.push_str("</ActiveParticipant>");
    if let Some(other) = other {
        out.push_str("<ActiveParticipant");
        attribute(out, "UserID", other);
        out.push_str(" UserIsRequestor=\"false\">");
        code(out, "RoleIDCode", theirs);
        out.push_str("</ActiveParticipant>");
    }
}

/// The system at the other end, as the event's detail names it.
pub(super) fn other_end(event: &AuditEvent) -> Option<&str> {
    ["destination", "server", "peer"].iter().find_map(|key| event.detail.get(key)?.as_str())
}

fn objects(out: &mut String, link: &Link) {
    let event = &link.event;
    if let Some(study) = &event.study {
        let role = if shape(event.action()).is_report { "3" } else { "4" };
        out.push_str("<ParticipantObjectIdentification");
        attribute(out, "ParticipantObjectID", study.as_str());
        out.push_str(" ParticipantObjectTypeCode=\"2\"");
        attribute(out, "ParticipantObjectTypeCodeRole", role);
        out.push('>');
        code(out, "ParticipantObjectIDTypeCode", STUDY);
        out.push_str("<ParticipantObjectName>Study</ParticipantObjectName>");
        out.push_str("<ParticipantObjectDescription><ParticipantObjectContainsStudy><StudyIDs");
        attribute(out, "UID", study.as_str());
        out.push_str("/></ParticipantObjectContainsStudy></ParticipantObjectDescription>");
        out.push_str("</ParticipantObjectIdentification>");
    }
    if let Some(patient) = &event.more.patient {
        out.push_str("<ParticipantObjectIdentification");
        attribute(out, "ParticipantObjectID", &patient.cx());
        out.push_str(" ParticipantObjectTypeCode=\"1\" ParticipantObjectTypeCodeRole=\"1\">");
        out.push_str("<ParticipantObjectIDTypeCode csd-code=\"2\" codeSystemName=\"RFC-3881\" originalText=\"Patient Number\"/>");
        out.push_str("<ParticipantObjectName>");
        text(out, &patient.id);
        out.push_str("</ParticipantObjectName></ParticipantObjectIdentification>");
    }
    // The place in the trail, so that the repository's copy can be compared with it.
    out.push_str("<ParticipantObjectIdentification");
    attribute(out, "ParticipantObjectID", &link.sequence.to_string());
    out.push_str(" ParticipantObjectTypeCode=\"2\" ParticipantObjectTypeCodeRole=\"13\">");
    out.push_str("<ParticipantObjectIDTypeCode csd-code=\"sequence\" codeSystemName=\"99MEDSIGHT\" originalText=\"Place in the audit trail\"/>");
    out.push_str("<ParticipantObjectName>Audit trail</ParticipantObjectName>");
    let hash: String = link.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    detail(out, "hash", &hash);
    if let Some(clock) = event.more.clock {
        detail(out, "clock", clock.state.word());
        if clock.went_back {
            detail(out, "clock_went_back", "true");
        }
    }
    if !event.detail.is_null() {
        detail(out, "detail", &canonical_text(&event.detail));
    }
    out.push_str("</ParticipantObjectIdentification>");
}

/// A value in base64, as the schema wants it.
fn detail(out: &mut String, kind: &str, value: &str) {
    out.push_str("<ParticipantObjectDetail");
    attribute(out, "type", kind);
    attribute(out, "value", &STANDARD.encode(value));
    out.push_str("/>");
}

/// A machine by its name (type 1).
fn place(out: &mut String, station: &str) {
    if !station.is_empty() {
        attribute(out, "NetworkAccessPointID", station);
        out.push_str(" NetworkAccessPointTypeCode=\"1\"");
    }
}

fn named(name: &str) -> &str {
    if name.is_empty() { "unknown" } else { name }
}

fn code(out: &mut String, element: &str, (value, meaning): Code) {
    out.push('<');
    out.push_str(element);
    attribute(out, "csd-code", value);
    out.push_str(" codeSystemName=\"DCM\"");
    attribute(out, "originalText", meaning);
    out.push_str("/>");
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    text(out, value);
    out.push('"');
}

/// Text for content and attributes. What XML 1.0 cannot say becomes the replacement character.
fn text(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(c))),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}
