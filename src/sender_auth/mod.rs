//! SPF of an arriving message.
