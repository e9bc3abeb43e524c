//! May this message pass? Facts in, verdict with SMTP reply out. Pure.
