//! The use cases, on both drivers.
