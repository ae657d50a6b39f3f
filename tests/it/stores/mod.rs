//! What nodes share, over a real Redis.

mod connection;
mod links;
mod quotas;
