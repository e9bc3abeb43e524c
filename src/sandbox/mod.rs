//! The story on one machine (postern try).
