//! Why a setting is refused: of a source by field, of the others by the faults of their own.

use super::{DestinationFault, Fault, ListenFault, Problem};
use medsight_record::model_rules::ModelSettingsError;
use medsight_record::settings::SettingsError;
use medsight_record::source::SourceError;
use medsight_sync::site_policy::PolicyTrouble;

/// What of a source's settings can't be used, with a word for each field.
pub(crate) struct SourceFault(pub(crate) SourceError);

impl SourceFault {
    fn code(&self) -> &'static str {
        match self.0 {
            SourceError::Name => "settings.source-name",
            SourceError::BringsNothing => "settings.source-brings-nothing",
            SourceError::WorklistReports => "settings.source-worklist-reports",
            SourceError::NoSuchSystem => "settings.source-no-system",
            SourceError::Limits => "settings.source-limits",
            SourceError::Only => "settings.source-only",
        }
    }
}

impl From<SourceFault> for Problem {
    fn from(fault: SourceFault) -> Self {
        Self::named(fault.code().to_owned(), fault.0.to_string())
    }
}

/// What of the settings of models can't be used.
struct ModelsFault(ModelSettingsError);

impl ModelsFault {
    fn code(&self) -> &'static str {
        match self.0 {
            ModelSettingsError::Hex(_) => "settings.models-hex",
            ModelSettingsError::EmptyRule => "settings.models-rule",
        }
    }
}

impl From<PolicyTrouble> for Problem {
    fn from(trouble: PolicyTrouble) -> Self {
        let code = trouble.code().to_owned();
        let values = match &trouble {
            PolicyTrouble::Older { found, known } => {
                vec![("found", found.to_string()), ("known", known.to_string())]
            }
            _ => Vec::new(),
        };
        Self { code, values: super::named(values), detail: trouble.to_string() }
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        let detail = error.to_string();
        match error {
            SettingsError::Fixed(_) => Fault::SettingFixed.into(),
            SettingsError::NoSuchValue(_) => Fault::NoSuchValue.into(),
            SettingsError::Node(why) => Fault::Node(why).into(),
            SettingsError::Listener(why) => ListenFault::Settings(why).into(),
            SettingsError::Identity(why) => why.into(),
            SettingsError::Destination(why) => DestinationFault(why).into(),
            SettingsError::Source(why) => SourceFault(why).into(),
            SettingsError::Models(why) => Problem::named(ModelsFault(why).code().to_owned(), detail),
            SettingsError::SitePolicy(_) => Fault::BadRequest(detail).into(),
            SettingsError::InUse { name, by } => Fault::InUse { name, by }.into(),
            SettingsError::Format { .. } => Fault::BadRequest(detail).into(),
        }
    }
}
