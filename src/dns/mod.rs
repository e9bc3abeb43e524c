//! One cached resolver for everything; a zone file in tests and the sandbox.
