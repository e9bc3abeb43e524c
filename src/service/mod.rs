//! The use cases: one function is one thing a person or a message can do.
