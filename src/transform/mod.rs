//! Bytes in, bytes out: header block, rewriting, VERP tokens, DSNs. Pure.
