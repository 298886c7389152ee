//! What of a destination's settings can't be used.

use super::{Problem, named};
use medsight_record::destination::DestinationError;

/// With a word for each field.
pub(crate) struct DestinationFault(pub(crate) DestinationError);

impl DestinationFault {
    fn code(&self) -> &'static str {
        match self.0 {
            DestinationError::Name => "settings.destination-name",
            DestinationError::TakesNothing => "settings.destination-takes-nothing",
            DestinationError::CannotTake(_) => "settings.destination-cannot-take",
            DestinationError::Address => "settings.destination-address",
            DestinationError::PatientSystem => "settings.destination-patients",
            DestinationError::Pin => "settings.destination-pin",
            DestinationError::SignIn(_) => "settings.destination-sign-in",
            DestinationError::User => "settings.node-user",
            DestinationError::Limits => "settings.destination-limits",
            DestinationError::NoSuchNode => "settings.destination-no-server",
        }
    }
}

impl From<DestinationFault> for Problem {
    fn from(fault: DestinationFault) -> Self {
        let values = match &fault.0 {
            DestinationError::CannotTake(kind) => vec![("kind", format!("@sync.kind.{kind}"))],
            _ => Vec::new(),
        };
        Self { code: fault.code().to_owned(), values: named(values), detail: fault.0.to_string() }
    }
}
