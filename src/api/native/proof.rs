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
use crate::service::factor::{self, FactorError};

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
        if !factor::standing(&broker.desk, user.id).await?.has_password {
            let url = &broker.rules.public_url;
            return Err(Problem::invalid(
                "proof",
                format!("this user has no password; set one by the link that {url}/reset mails"),
            ));
        }
        let (password, code) = (Private::new(self.password), self.code.unwrap_or_default());
        let proved = confirm::prove(&broker.desk, &broker.logins, from.0, user, (&password, &code)).await;
        // Who does not know the password guesses no codes.
        if matches!(proved, Err(ConfirmError::Factor(_))) {
            factor::warn(broker, user).await;
        }
        Ok(proved?)
    }
}

impl From<ConfirmError> for Problem {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::Wrong | ConfirmError::Factor(FactorError::Wrong) => {
                Self::invalid("proof", "the password or the code is not right")
            }
            ConfirmError::TooMany | ConfirmError::Factor(FactorError::TooMany) => {
                Self::too_many("proof: too many attempts; wait a quarter of an hour and try again")
            }
            ConfirmError::Busy => Self::unavailable("too many passwords are being checked; try again"),
            ConfirmError::Storage(error) | ConfirmError::Factor(FactorError::Storage(error)) => error.into(),
        }
    }
}
