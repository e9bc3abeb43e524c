//! What use cases refuse, as problems: the field, the reason, the right status.

use super::problem::Problem;
use crate::service::alias::{CreateError, GetError, StateError};
use crate::service::alias_change::ChangeError;
use crate::service::alias_new::NewError;
use crate::service::contact::ContactError;
use crate::service::hold::HoldError;
use crate::service::mailbox::{AddError, DefaultError, RemoveError};
use crate::service::mailbox_test::TestError;
use crate::service::{app_password, block, dkim_key, queue, token, user};

impl From<GetError> for Problem {
    fn from(error: GetError) -> Self {
        match error {
            GetError::Unknown => Self::not_found(),
            GetError::Storage(error) => error.into(),
        }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Unknown => Self::not_found(),
            StateError::Role => Self::conflict(error),
            StateError::Storage(error) => error.into(),
        }
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Name(_) => Self::invalid("name", error),
            CreateError::Taken | CreateError::Exhausted | CreateError::NoDomain => Self::conflict(error),
            CreateError::UnknownDomain => Self::invalid("domain", error),
            CreateError::UnknownMailbox | CreateError::UnverifiedMailbox => Self::invalid("mailboxes", error),
            CreateError::InThePast => Self::invalid("expires_at", error),
            CreateError::Storage(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown => Self::not_found(),
            ChangeError::Note => Self::invalid("note", error),
            ChangeError::DisplayName(_) => Self::invalid("display_name", error),
            ChangeError::NoMailbox | ChangeError::UnknownMailbox | ChangeError::UnverifiedMailbox => {
                Self::invalid("mailboxes", error)
            }
            ChangeError::InThePast => Self::invalid("expires_at", error),
            ChangeError::TooManyTags => Self::invalid("tags", error),
            ChangeError::Storage(error) => error.into(),
        }
    }
}

impl From<NewError> for Problem {
    fn from(error: NewError) -> Self {
        match error {
            NewError::Create(error) => error.into(),
            NewError::Texts(error) => error.into(),
        }
    }
}

impl From<ContactError> for Problem {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::UnknownAlias | ContactError::Unknown => Self::not_found(),
            ContactError::NotSomebody | ContactError::Itself | ContactError::OwnMailbox => Self::invalid("address", error),
            ContactError::Storage(error) => error.into(),
        }
    }
}

impl From<AddError> for Problem {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Taken | AddError::TooMany => Self::conflict(error),
            AddError::OwnDomain => Self::invalid("address", error),
            AddError::Storage(error) => error.into(),
        }
    }
}

impl From<block::AddError> for Problem {
    fn from(error: block::AddError) -> Self {
        match error {
            block::AddError::TooMany => Self::conflict(error),
            block::AddError::Storage(error) => error.into(),
        }
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::Unknown => Self::not_found(),
            RemoveError::Default | RemoveError::SignsIn | RemoveError::OnlyOne(_) => Self::conflict(error),
            RemoveError::Storage(error) => error.into(),
        }
    }
}

impl From<DefaultError> for Problem {
    fn from(error: DefaultError) -> Self {
        match error {
            DefaultError::Unknown => Self::not_found(),
            DefaultError::Unverified => Self::conflict(error),
            DefaultError::Paused => Self::conflict("this mailbox is paused, because its server refuses it; test it first"),
            DefaultError::Storage(error) => error.into(),
        }
    }
}

impl From<TestError> for Problem {
    fn from(error: TestError) -> Self {
        match error {
            TestError::Unverified => Self::conflict(error),
            TestError::Unsigned(error) => {
                tracing::warn!(%error, "a test message could not be signed");
                Self::unavailable("the message could not be signed; try again")
            }
            TestError::Storage(error) => error.into(),
        }
    }
}

impl From<dkim_key::KeyError> for Problem {
    fn from(error: dkim_key::KeyError) -> Self {
        match error {
            dkim_key::KeyError::Storage(error) => error.into(),
            other => {
                tracing::warn!(error = %other, "the keys of a domain could not be read");
                Self::unavailable("the keys of this domain could not be read; try again")
            }
        }
    }
}

impl From<queue::ChangeError> for Problem {
    fn from(error: queue::ChangeError) -> Self {
        match error {
            queue::ChangeError::Unknown => Self::not_found(),
            queue::ChangeError::NotWaiting | queue::ChangeError::Quarantined => Self::conflict(error),
            queue::ChangeError::Held => {
                Self::conflict("this delivery is held for your decision: release or discard it below /v1/holds")
            }
            queue::ChangeError::Storage(error) => error.into(),
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Unknown => Self::not_found(),
            HoldError::Storage(error) => error.into(),
        }
    }
}

impl From<token::CreateError> for Problem {
    fn from(error: token::CreateError) -> Self {
        match error {
            token::CreateError::Name => Self::invalid("name", error),
            token::CreateError::InThePast => Self::invalid("expires_at", error),
            token::CreateError::NotAdmin => Self::not_admin(),
            token::CreateError::Storage(error) => error.into(),
        }
    }
}

impl From<app_password::CreateError> for Problem {
    fn from(error: app_password::CreateError) -> Self {
        match error {
            app_password::CreateError::Name => Self::invalid("name", error),
            app_password::CreateError::Exhausted | app_password::CreateError::Hash(_) => {
                tracing::warn!(%error, "an app password could not be made");
                Self::unavailable("no app password could be made now; try again")
            }
            app_password::CreateError::Storage(error) => error.into(),
        }
    }
}

impl From<app_password::RevokeError> for Problem {
    fn from(error: app_password::RevokeError) -> Self {
        match error {
            app_password::RevokeError::Unknown => Self::not_found(),
            app_password::RevokeError::Storage(error) => error.into(),
        }
    }
}

impl From<user::ChangeError> for Problem {
    fn from(error: user::ChangeError) -> Self {
        match error {
            user::ChangeError::Unknown => Self::not_found(),
            user::ChangeError::Storage(error) => error.into(),
        }
    }
}
