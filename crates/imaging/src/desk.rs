//! The conversation with the desk: messages in from stdin, out to stdout, and what is not confirmed yet.

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};

use medsight_base::StudyUid;
use medsight_link::{FromLightBox, ToLightBox, wire};
use medsight_record::{Annotation, AnnotationId, ReadingSession, RecordCommand};

/// What a numbered command was about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sent {
    /// An annotation was kept.
    Annotation(Box<Annotation>),
    /// One was taken away.
    Removal(StudyUid, AnnotationId),
    /// A layout.
    Session,
}

/// The outgoing side.
pub(crate) struct Desk {
    out: Sender<FromLightBox>,
    sequence: u64,
    waiting: BTreeMap<u64, Sent>,
    /// Refused by the desk; sent again with the next gesture and after a while.
    refused: Vec<Sent>,
}

impl Desk {
    /// Starts the writer; a desk that stops reading must not stop the windows.
    pub(crate) fn start() -> Self {
        let (out, messages) = channel::<FromLightBox>();
        let write = move || {
            let mut stdout = std::io::stdout().lock();
            for message in messages {
                if wire::write_message(&mut stdout, &message).is_err() {
                    return;
                }
            }
        };
        // Without its writer the light box can show but not keep; nothing is called saved then.
        let _ = std::thread::Builder::new().name("to desk".into()).spawn(write);
        Self { out, sequence: 0, waiting: BTreeMap::new(), refused: Vec::new() }
    }

    pub(crate) fn say(&self, message: FromLightBox) {
        // The writer is gone only when the desk is.
        let _ = self.out.send(message);
    }

    /// For threads that answer by themselves.
    pub(crate) fn sender(&self) -> Sender<FromLightBox> {
        self.out.clone()
    }

    /// Sends what has to be kept; also what was refused before.
    pub(crate) fn keep(&mut self, sent: Sent) {
        self.send_refused_again();
        self.send(sent);
    }

    /// Sends a layout.
    pub(crate) fn keep_session(&mut self, session: ReadingSession) {
        self.sequence += 1;
        self.waiting.insert(self.sequence, Sent::Session);
        let command = RecordCommand::SaveSession(Box::new(session));
        self.say(FromLightBox::Record { sequence: self.sequence, command });
    }

    fn send(&mut self, sent: Sent) {
        let command = match &sent {
            Sent::Annotation(annotation) => RecordCommand::SaveAnnotation(annotation.clone()),
            Sent::Removal(study, id) => RecordCommand::RemoveAnnotation { study: study.clone(), id: *id },
            Sent::Session => return,
        };
        self.sequence += 1;
        self.waiting.insert(self.sequence, sent);
        self.say(FromLightBox::Record { sequence: self.sequence, command });
    }

    /// True when something has to be sent again.
    pub(crate) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Sends what was refused once more.
    pub(crate) fn send_refused_again(&mut self) {
        for sent in std::mem::take(&mut self.refused) {
            self.send(sent);
        }
    }

    /// The desk has kept a command. The annotation that is durable now, unless a later change is on its way.
    pub(crate) fn saved(&mut self, sequence: u64) -> Option<AnnotationId> {
        let Some(Sent::Annotation(annotation)) = self.waiting.remove(&sequence) else { return None };
        let is_newer = |s: &Sent| match s {
            Sent::Annotation(a) => a.id == annotation.id,
            Sent::Removal(_, id) => *id == annotation.id,
            Sent::Session => false,
        };
        let newer = self.waiting.values().chain(&self.refused).any(is_newer);
        (!newer).then_some(annotation.id)
    }

    /// The desk could not keep a command. The annotation it was about.
    pub(crate) fn not_saved(&mut self, sequence: u64) -> Option<AnnotationId> {
        let sent = self.waiting.remove(&sequence)?;
        let id = match &sent {
            Sent::Annotation(a) => Some(a.id),
            Sent::Removal(_, id) => Some(*id),
            Sent::Session => None,
        };
        // A newer state of the same annotation is on its way: only that one counts.
        let newer = self.waiting.values().any(|s| match s {
            Sent::Annotation(a) => Some(a.id) == id,
            Sent::Removal(_, other) => Some(*other) == id,
            Sent::Session => false,
        });
        if id.is_some() && !newer {
            self.refused.push(sent);
        }
        id.filter(|_| !newer)
    }
}

/// What comes in.
pub(crate) enum FromDesk {
    /// A message.
    Message(Box<ToLightBox>),
    /// The desk is gone or talks nonsense; the reason is for the log.
    Gone(Option<String>),
}

/// Reads stdin until it ends.
pub(crate) fn listen(tell: impl Fn(FromDesk) + Send + 'static) {
    let read = move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            match wire::read_message::<ToLightBox>(&mut stdin) {
                Ok(Some(message)) => tell(FromDesk::Message(Box::new(message))),
                Ok(None) => break tell(FromDesk::Gone(None)),
                Err(error) => break tell(FromDesk::Gone(Some(error.to_string()))),
            }
        }
        // The windows must not outlive the desk, whatever hangs.
        std::thread::sleep(std::time::Duration::from_secs(15));
        std::process::exit(70);
    };
    let _ = std::thread::Builder::new().name("from desk".into()).spawn(read);
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_base::{SeriesUid, Timestamp};
    use medsight_record::{AnnotationKind, Measured, Place};
    use uuid::Uuid;

    fn desk() -> (Desk, std::sync::mpsc::Receiver<FromLightBox>) {
        let (out, messages) = channel();
        (Desk { out, sequence: 0, waiting: BTreeMap::new(), refused: Vec::new() }, messages)
    }

    fn annotation(changed: i64) -> Sent {
        Sent::Annotation(Box::new(Annotation {
            id: AnnotationId(Uuid::nil()),
            study: StudyUid::parse("1.2").unwrap(),
            kind: AnnotationKind::KeyImage,
            place: Place::Plane {
                image: None,
                time: 0,
                series: SeriesUid::parse("1.2.3").unwrap(),
                points_mm: Vec::new(),
                right: [1.0, 0.0, 0.0],
                down: [0.0, 1.0, 0.0],
                slab_mm: 0.0,
            },
            measured: Measured::default(),
            changed_at: Timestamp(changed),
        }))
    }

    #[test]
    fn a_measurement_is_called_saved_only_when_its_last_change_is_durable() {
        let (mut desk, _messages) = desk();
        desk.keep(annotation(1));
        desk.keep(annotation(2));
        assert_eq!(desk.saved(1), None);
        assert_eq!(desk.saved(2), Some(AnnotationId(Uuid::nil())));
    }

    #[test]
    fn a_measurement_the_desk_could_not_keep_is_sent_again() {
        let (mut desk, messages) = desk();
        desk.keep(annotation(1));
        assert_eq!(desk.not_saved(1), Some(AnnotationId(Uuid::nil())));
        assert!(desk.has_refused());
        desk.send_refused_again();
        let numbers: Vec<u64> = messages
            .try_iter()
            .filter_map(|m| match m {
                FromLightBox::Record { sequence, .. } => Some(sequence),
                _ => None,
            })
            .collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(desk.saved(2), Some(AnnotationId(Uuid::nil())));
    }
}
