//! Mail in: listener, limits, session, commands, data, TLS (RFC 5321, 2920, 3207, 1870, 6152, 6531, 2034).

pub mod gate;
