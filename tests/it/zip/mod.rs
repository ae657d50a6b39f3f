//! The encoder and the layout, judged by readers that are not ours.

pub(crate) mod archive;
mod cases;
mod golden;
mod large;
mod misuse;
mod properties;
