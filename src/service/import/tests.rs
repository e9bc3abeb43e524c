//! Parsers and plan.
