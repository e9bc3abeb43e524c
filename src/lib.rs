//! Postern: a self-hosted e-mail alias broker. One address per site, relayed to your inbox, killed when it leaks.
//!
//! # The map
//!
//! | folder | what it holds |
//! |---|---|
//! | [`model`] | what the words mean: types and pure rules; no I/O |
//! | [`config`] | settings by section, read once, turned into valid types or refused |
//! | [`telemetry`] | logs and metrics |
//! | [`spool`] | the bytes of a message in memory or in an unlinked temporary file, under one budget |
//! | [`policy`] | may this message pass? facts in, verdict with SMTP reply out; pure |
//! | [`transform`] | bytes in, bytes out: header block, rewriting, VERP tokens, DSNs; pure |
//! | [`auth`] | secrets that prove who is asking: drawn, hashed, compared; failed attempts counted |
//! | [`dns`] | one cached resolver for everything; a zone file in tests and the sandbox |
//! | [`sender_auth`] | SPF, DKIM, ARC and DMARC of an arriving message |
//! | [`outbound`] | one hand-off: next hop, connection, SMTP transaction over lettre, class of the answer |
//! | [`storage`] | the only place with SQL; one file per noun, functions over a transaction |
//! | [`service`] | the use cases: one function = one thing a person or a message can do |
//! | [`smtp`] | mail in: listener, limits, session, commands, data, TLS, submission |
//! | [`delivery`] | the queue: claim, hand off, settle, retry, sweep |
//! | [`web`] | health and pages over HTTP |
//! | [`api`] | JSON over HTTP: our own at `/v1`, and those of SimpleLogin and addy.io for the clients people have |
//! | [`app`] | the composition root: build everything, run it, stop it |
//! | [`sandbox`] | `postern try`: local inbox on mailin-embedded, scripted senders, the broker between |
//! | [`cli`] | one file per command |
//!
//! Imports go one way only; `tests/it/architecture.rs` holds the chart and enforces it:
//!
//! ```text
//! main ─► cli ─► sandbox ─► app ─┬─► smtp ─────┐
//!                                ├─► web, api ─┼─► service ─┬─► outbound, sender_auth ─► dns ─┐
//!                                └─► delivery ─┘            ├─► storage ──────────────────────┼─► model
//!                                                           └─► policy, transform, auth ──────┘
//!        config and telemetry may be used by all and use only model; spool by all that carry message bytes
//! ```
//!
//! # Where to start reading
//!
//! A message's way in: [`smtp::session`] → [`service::forward`] → [`outbound`], and [`delivery`] when it has to wait.
//! The promises those keep are in `docs/promises.md`; decisions and their reasons in `docs/decisions/`.

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod dns;
pub mod model;
pub mod outbound;
pub mod policy;
pub mod sandbox;
pub mod sender_auth;
pub mod service;
pub mod smtp;
pub mod spool;
pub mod storage;
pub mod telemetry;
pub mod transform;
pub mod web;
