//! Who is asking? Secrets that prove it: drawn, hashed and compared here, and nowhere else; and the count of attempts
//! that failed.
//!
//! Nothing here knows a database: the use cases look up what a secret is compared with.

pub mod account_attempts;
pub mod api_token;
pub mod app_password;
pub mod attempts;
pub mod easy_password;
pub mod mailed_code;
pub mod opaque;
pub mod passkey;
pub mod password;
pub mod recovery_code;
pub mod totp;
