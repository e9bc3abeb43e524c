//! Health and pages over HTTP.
