//! ZipStream: one ZIP archive out of a list of URLs, while it is being downloaded.
//!
//! A directory is an area. It stands on a floor, and knows only what stands lower:
//!
//! ```text
//!  8  main        arguments, exit codes             config      the sections of config/default.toml
//!     commands    `zipstream pack`, `verify`        server      connections, their clocks, the drain
//!     app         builds every area                 telemetry   log lines, numbers
//!  7  api         HTTP: routes, problems, the interface's description
//!  5  archive     from a descriptor to the bytes of an archive
//!     preflight   validations: the same questions, and no archive
//!     verify      whether an archive is what was made
//!  4  fetch       reads sources: redirects, retries, resumption, segments
//!     limits      who asks, and how much they may have
//!     links       descriptors that wait for whoever holds their token
//!  3  plan        what will be produced, frozen
//!  2  descriptor  the client's request, legal by construction
//!  1  egress      the only way out: judges URLs and addresses
//!     budget      bytes that may be held ahead
//!     state       the Redis that nodes share
//!  0  zip         the format: an encoder and a layout, pure
//!     value       sizes, durations, secrets
//! ```
//!
//! The life of a request:
//!
//! ```text
//! server ▸ api ▸ Descriptor ▸ limits ▸ archive ┬─ probe ▸ fetch ▸ egress           the sources' first bytes
//!                                              ├─ Plan                             a failure up to here is a problem
//!                                              └─ produce ┬─ fetch ▸ egress         in turn, others ahead within budget
//!                                                         └─ zip::Encoder ▸ api ▸ server      one here breaks the connection
//! ```
//! A link (`links`) brings a stored descriptor, and what was frozen by its first download; a validation (`preflight`) ends
//! at the plan.

pub mod api;
pub mod app;
pub mod archive;
pub mod budget;
pub mod commands;
pub mod config;
pub mod descriptor;
pub mod egress;
pub mod fetch;
pub mod limits;
pub mod links;
pub mod plan;
pub mod preflight;
pub mod server;
pub mod state;
pub mod telemetry;
pub mod value;
pub mod verify;
pub mod zip;
