//! SPF, DKIM, ARC and DMARC over a zone file.

mod dmarc;
mod signatures;
mod spf;
mod support;
