//! Who is at the desk, as the window shows it, how somebody comes in, and how the window is closed.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody.
    SignedOut,
    /// Somebody.
    Active,
    /// Somebody's session, behind the lock.
    Locked,
}

/// Somebody.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    /// Account, as in the audit trail.
    pub account: String,
    /// Name.
    pub name: String,
    /// Words of roles; their names are `role.WORD`.
    pub roles: Vec<String>,
}

/// A sign-in that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "state", content = "about", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum SignInFlow {
    /// None.
    Idle,
    /// The server is being asked what it offers, or for the roles.
    Asking,
    /// The browser has the page of the server.
    Browser,
    /// A code waits to be typed on another device.
    Device {
        /// The code.
        code: String,
        /// Where to type it.
        address: String,
    },
}

/// The session.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Whether somebody is there.
    pub standing: Standing,
    /// Whose session it is.
    pub person: Option<PersonView>,
    /// Words of the rights that hold now; nothing while locked.
    pub rights: Vec<String>,
    /// Address of the sign-in server, where there is one.
    pub provider: Option<String>,
    /// The sign-in that runs.
    pub flow: SignInFlow,
    /// The person has set a code.
    pub has_code: bool,
    /// The code opens the lock now.
    pub code_works: bool,
    /// The server could not be asked when the session was opened.
    pub offline: bool,
    /// Until when the code works without the server, in milliseconds since 1970.
    pub offline_until_ms: Option<i64>,
    /// Until when studies are seen because the glass was broken, in milliseconds since 1970.
    pub glass_until_ms: Option<i64>,
    /// Why the last sign-in failed, or the session ended.
    pub problem: Option<Problem>,
}

/// How somebody wants to sign in.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignInRequest {
    /// With a code on another device instead of the browser of this one.
    pub by_device: bool,
    /// Somebody else than the person whose session is locked.
    pub other: bool,
}

/// Back at the desk.
#[derive(Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct UnlockRequest {
    /// The code, where there is one.
    pub code: Option<String>,
}

/// A code is set, changed or removed.
#[derive(Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    /// The code that holds now, where there is one.
    pub present: Option<String>,
    /// The new one; absent removes it.
    pub code: Option<String>,
}

/// What the window that was asked to close says of what is being written in it.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct CloseAnswer {
    /// How far it is.
    pub step: CloseStep,
}

/// How far a window is with keeping what is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CloseStep {
    /// It is being kept.
    Keeping,
    /// It is on the disk.
    Kept,
    /// It can't be kept: the window stays.
    NotKept,
}

impl std::fmt::Debug for UnlockRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnlockRequest")
    }
}

impl std::fmt::Debug for CodeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeRequest")
    }
}
