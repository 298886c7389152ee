//! Who works here and what they may do: roles from a sign-in's claims, rights from roles, each command bound to a right.
//!
//! Not here: how somebody signs in (`medsight-sync`), and what a session is locked by (the desk).

use crate::{Command, DeskCommand, RecordCommand, SettingChange};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A role, as an identity provider's claims name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads and signs.
    Radiologist,
    /// Reads; an attending signs.
    Resident,
    /// Makes the images.
    Technologist,
    /// Scores pressure injuries.
    WoundNurse,
    /// Asked for the examination; reads reports.
    Referrer,
    /// Keeps the workstation.
    ItAdmin,
    /// Looks at the audit trail.
    Auditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 7] = [
        Role::Radiologist,
        Role::Resident,
        Role::Technologist,
        Role::WoundNurse,
        Role::Referrer,
        Role::ItAdmin,
        Role::Auditor,
    ];

    /// The word of a claim, and key of its name in the locales (`role.…`).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Radiologist => "radiologist",
            Self::Resident => "resident",
            Self::Technologist => "technologist",
            Self::WoundNurse => "wound_nurse",
            Self::Referrer => "referrer",
            Self::ItAdmin => "it_admin",
            Self::Auditor => "auditor",
        }
    }

    /// The role of a claim's word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// What the role may do.
    #[must_use]
    pub fn rights(self) -> &'static [Right] {
        use Right as R;
        match self {
            Self::Radiologist => {
                &[R::See, R::Bring, R::Annotate, R::Report, R::Sign, R::Assign, R::GiveOut, R::Remove]
            }
            Self::Resident => &[R::See, R::Bring, R::Annotate, R::Report, R::GiveOut],
            Self::Technologist => &[R::See, R::Bring, R::Annotate, R::Assign, R::GiveOut, R::Remove],
            Self::WoundNurse => &[R::See, R::Bring, R::Annotate, R::ScoreWounds, R::GiveOut],
            Self::Referrer => &[R::See],
            Self::ItAdmin => &[R::Configure, R::Remove],
            Self::Auditor => &[R::Audit],
        }
    }
}

/// Something that not everybody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Look at studies and reports.
    See,
    /// Import, and retrieve from servers.
    Bring,
    /// Draw, measure, mark.
    Annotate,
    /// Write a report as a draft, and as preliminary.
    Report,
    /// Make a report final, amend it, write an addendum.
    Sign,
    /// Assess wounds.
    ScoreWounds,
    /// Give work to others, set priorities.
    Assign,
    /// Export, send, print.
    GiveOut,
    /// Delete from this computer.
    Remove,
    /// Change what the workstation is set to, for all who use it.
    Configure,
    /// Look at the audit trail and give it out.
    Audit,
}

impl Right {
    /// All of them.
    pub const ALL: [Right; 11] = [
        Right::See,
        Right::Bring,
        Right::Annotate,
        Right::Report,
        Right::Sign,
        Right::ScoreWounds,
        Right::Assign,
        Right::GiveOut,
        Right::Remove,
        Right::Configure,
        Right::Audit,
    ];

    /// Key of its name in the locales (`right.…`), and of the roles that have it (`right_of.…`).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Bring => "bring",
            Self::Annotate => "annotate",
            Self::Report => "report",
            Self::Sign => "sign",
            Self::ScoreWounds => "score_wounds",
            Self::Assign => "assign",
            Self::GiveOut => "give_out",
            Self::Remove => "remove",
            Self::Configure => "configure",
            Self::Audit => "audit",
        }
    }
}

impl SettingChange {
    /// The right that is needed for what concerns all who use the workstation; nothing for how a person sees things.
    #[must_use]
    pub fn right(&self) -> Option<Right> {
        match self {
            Self::Locale(_)
            | Self::Theme(_)
            | Self::Density(_)
            | Self::ScreenPxPerMm(_)
            | Self::WorklistColumns(_) => None,
            Self::CacheQuotaGib(_)
            | Self::Nodes(_)
            | Self::Listener(_)
            | Self::Identity(_)
            | Self::Destinations(_)
            | Self::Sources(_)
            | Self::Models(_) => Some(Right::Configure),
        }
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The account: OIDC's `preferred_username` or `sub`, or that of the operating system. In every audit event.
    pub account: String,
    /// As it is shown.
    pub name: String,
    /// From the claims.
    pub roles: BTreeSet<Role>,
}

impl Person {
    /// Whether one of the roles has the right.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.roles.iter().any(|role| role.rights().contains(&right))
    }
}

impl Command {
    /// The right that is needed, or nothing for what everybody may do.
    #[must_use]
    pub fn right(&self) -> Option<Right> {
        match self {
            Self::View(_) => Some(Right::See),
            Self::Record(record) => Some(match record {
                RecordCommand::SaveAnnotation(_) | RecordCommand::RemoveAnnotation { .. } => Right::Annotate,
                RecordCommand::SaveSession(_) => Right::See,
                RecordCommand::SetReadState { .. } => Right::Report,
                RecordCommand::SetPriority { .. } | RecordCommand::Assign { .. } => Right::Assign,
                RecordCommand::Claim { .. } | RecordCommand::Release(_) => Right::Report,
                RecordCommand::SaveReport(_)
                | RecordCommand::DiscardReport(_)
                | RecordCommand::TellCritical { .. } => Right::Report,
                RecordCommand::SignReport { act, .. } => act.right(),
                RecordCommand::DeleteStudies(_) => Right::Remove,
            }),
            Self::Desk(desk) => match desk {
                DeskCommand::OpenStudy(_) | DeskCommand::Report(_) => Some(Right::See),
                DeskCommand::Import | DeskCommand::FindOnServer => Some(Right::Bring),
                DeskCommand::Audit => Some(Right::Audit),
                DeskCommand::Sync
                | DeskCommand::CancelImport
                | DeskCommand::Search
                | DeskCommand::Worklist
                | DeskCommand::Settings
                | DeskCommand::ToggleTheme
                | DeskCommand::Undo
                | DeskCommand::Redo
                | DeskCommand::Palette
                | DeskCommand::Help
                | DeskCommand::Lock
                | DeskCommand::SignOut
                | DeskCommand::BreakGlass(_) => None,
                DeskCommand::ChangeSetting(change) => change.right(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadState;
    use crate::words::{Locale, Words};
    use medsight_base::StudyUid;

    fn person(roles: &[Role]) -> Person {
        Person { account: "x".into(), name: "X".into(), roles: roles.iter().copied().collect() }
    }

    #[test]
    fn every_role_has_a_word_of_its_own_that_leads_back_to_it() {
        for role in Role::ALL {
            assert_eq!(Role::of_word(role.word()), Some(role));
        }
        assert_eq!(Role::of_word("surgeon"), None);
    }

    #[test]
    fn who_keeps_the_workstation_does_not_see_patients_and_an_auditor_only_the_trail() {
        assert!(!person(&[Role::ItAdmin]).may(Right::See));
        assert!(person(&[Role::ItAdmin]).may(Right::Configure));
        assert!(!person(&[Role::Auditor]).may(Right::See));
        assert!(person(&[Role::Auditor, Role::Referrer]).may(Right::See));
        assert!(!person(&[]).may(Right::See));
    }

    #[test]
    fn the_words_name_exactly_the_roles_that_have_a_right() {
        for locale in Locale::ALL {
            let words = Words::new(locale);
            for right in Right::ALL {
                let has = Role::ALL.into_iter().filter(|role| role.rights().contains(&right));
                let names: Vec<&str> =
                    has.map(|role| words.all()[&format!("role.{}", role.word())].as_str()).collect();
                assert_eq!(words.all()[&format!("right_of.{}", right.word())], names.join(", "));
            }
        }
    }

    #[test]
    fn a_person_sets_how_things_look_and_it_how_the_workstation_is_connected() {
        let theme = SettingChange::Theme(crate::settings::Theme::Light);
        assert_eq!(theme.right(), None);
        assert_eq!(SettingChange::Nodes(Vec::new()).right(), Some(Right::Configure));
        assert_eq!(SettingChange::Identity(Box::default()).right(), Some(Right::Configure));
    }

    #[test]
    fn a_resident_writes_reports_and_does_not_make_them_final() {
        let resident = person(&[Role::Resident]);
        assert!(resident.may(Right::Report) && !resident.may(Right::Sign));
        let study = StudyUid::parse("2.25.1").unwrap();
        let delete = Command::Record(RecordCommand::DeleteStudies(vec![study.clone()]));
        assert_eq!(delete.right(), Some(Right::Remove));
        assert!(!resident.may(Right::Remove));
        let state = Command::Record(RecordCommand::SetReadState { study, state: ReadState::Draft });
        assert_eq!(state.right(), Some(Right::Report));
    }
}
