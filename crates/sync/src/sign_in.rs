//! Sign-in with an OpenID provider as a native program does it: in the system's browser with a redirect to loopback and
//! PKCE (RFC 8252, RFC 7636), or with a code on another device (RFC 8628); the ID token checked as OpenID Connect Core
//! 3.1.3.7 asks for; refresh with rotation, revocation (RFC 7009), sign-out (RP-Initiated Logout 1.0).
//!
//! Tokens are given to the caller in memory that is wiped, are in no `Debug` output and no error, and go nowhere but to
//! the provider's own hosts. Not here: where a refresh token is kept (the keyring, by the desk), what roles may do
//! (`medsight-record`), and a person's session on the desk.

mod claims;
mod client;
mod device;
mod discovery;
mod error;
mod flow;
mod http;
mod id_token;
mod keys;
mod loopback;
mod random;
mod tokens;

pub use client::ProgramSignIn;
pub use device::DeviceCode;
pub use error::{IdTokenFault, SignInError};
pub use flow::{Ask, Pending, SignIn, SignedIn};
pub use loopback::Pages;
pub use tokens::Tokens;
