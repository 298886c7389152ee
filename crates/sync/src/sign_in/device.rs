//! Sign-in with a code on another device, where this workstation has no browser (RFC 8628).

use super::flow::{Check, SignIn, SignedIn, now_s};
use super::{SignInError, discovery, tokens};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the person types on another device.
pub struct DeviceCode {
    /// The code.
    pub user_code: String,
    /// Where to type it.
    pub address: String,
    device_code: Zeroizing<String>,
    interval: Duration,
    until: Instant,
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode").field("address", &self.address).finish_non_exhaustive()
    }
}

/// RFC 8628 3.2.
#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: f64,
    interval: Option<f64>,
}

impl SignIn {
    /// Asks for a code.
    ///
    /// # Errors
    /// [`SignInError`]; `NotOffered` where the provider has no device flow.
    pub async fn begin_device(&self, cancel: &CancellationToken) -> Result<DeviceCode, SignInError> {
        let endpoint =
            self.metadata.device.as_ref().ok_or(SignInError::NotOffered("sign-in by another device"))?;
        let form =
            [("client_id", self.provider.client_id.as_str()), ("scope", self.provider.scopes.as_str())];
        let answer: DeviceAnswer = self.http.post(endpoint, &form, cancel).await?.read()?;
        let address =
            discovery::allowed(&self.provider, "verification_uri", &answer.verification_uri)?.to_string();
        let readable = answer.user_code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !readable || answer.user_code.is_empty() || answer.user_code.len() > 32 {
            return Err(SignInError::Answer("its code can't be read"));
        }
        let seconds = |value: f64, least: f64, most: f64| {
            Duration::from_secs_f64(if value.is_finite() { value.clamp(least, most) } else { least })
        };
        Ok(DeviceCode {
            user_code: answer.user_code,
            address,
            device_code: Zeroizing::new(answer.device_code),
            interval: seconds(answer.interval.unwrap_or(5.0), 1.0, 60.0),
            until: Instant::now() + seconds(answer.expires_in, 1.0, 1800.0),
        })
    }

    /// Asks, as often as the provider allows, until the person has typed the code.
    ///
    /// # Errors
    /// [`SignInError`]; `TooLate` when the code has run out.
    pub async fn finish_device(
        &self,
        code: DeviceCode,
        cancel: &CancellationToken,
    ) -> Result<SignedIn, SignInError> {
        let mut interval = code.interval;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(SignInError::Cancelled),
                () = tokio::time::sleep(interval) => {}
            }
            if Instant::now() >= code.until {
                return Err(SignInError::TooLate);
            }
            let form = [
                ("grant_type", GRANT),
                ("device_code", code.device_code.as_str()),
                ("client_id", self.provider.client_id.as_str()),
            ];
            let answer = self.http.post(&self.metadata.token, &form, cancel).await;
            match answer.and_then(|answer| tokens::read(&answer, now_s())) {
                Ok((tokens, id)) => {
                    let check = Check { nonce: None, fresh: false, subject: None };
                    return self.signed_in(tokens, id, check, cancel).await;
                }
                Err(SignInError::Refused(word)) => match word.as_str() {
                    "authorization_pending" => {}
                    "slow_down" => interval += Duration::from_secs(5),
                    "expired_token" => return Err(SignInError::TooLate),
                    _ => return Err(SignInError::Refused(word)),
                },
                // RFC 8628 3.5: a lost connection is tried again, more slowly.
                Err(SignInError::Unreachable(_)) => interval = (interval * 2).min(Duration::from_secs(60)),
                Err(other) => return Err(other),
            }
        }
    }
}
