//! What dangerous acts ask for besides a token: the password and, where the user has a second factor, a code. A token that
//! was found on a lost phone must not be enough to lock its owner out.

use serde::Deserialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::api::origin::Origin;
use crate::model::Private;
use crate::model::user::User;
use crate::service::broker::Broker;
use crate::service::confirm::{self, ConfirmError};
use crate::service::factor;

/// Who is there, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The password of the account.
    #[schema(format = Password, max_length = 1024, example = "correct horse battery staple")]
    password: String,
    /// With a second factor: six digits of the authenticator program, or a recovery code (a passkey can't be used here).
    #[schema(max_length = 100, example = "492039")]
    code: Option<String>,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").finish_non_exhaustive()
    }
}

impl Proof {
    /// Goes on only for the user themselves.
    pub async fn check(self, broker: &Broker, from: Origin, user: &User) -> Result<(), Problem> {
        let (password, code) = (Private::new(self.password), self.code.unwrap_or_default());
        let proved = confirm::prove(&broker.desk, &broker.logins, from.0, user, (&password, &code)).await;
        if proved.is_err() {
            factor::warn(broker, user).await;
        }
        Ok(proved?)
    }
}

impl From<ConfirmError> for Problem {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::Wrong => Self::invalid("proof", "the password or the code is not right"),
            ConfirmError::TooMany => Self::too_many("proof: too many attempts; wait a quarter of an hour and try again"),
            ConfirmError::Busy => Self::unavailable("too many passwords are being checked; try again"),
            ConfirmError::Storage(error) => error.into(),
        }
    }
}
