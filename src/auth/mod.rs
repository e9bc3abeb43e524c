//! Who is asking? Secrets that prove it: drawn, hashed and compared here, and nowhere else.
//!
//! Nothing here knows a database: the use cases look up what a secret is compared with.

pub mod api_token;
