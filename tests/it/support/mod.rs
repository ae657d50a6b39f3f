//! What the tests stand on: scripted servers that play the world around the service.

pub(crate) mod dns;
