//! ZipStream: one ZIP archive out of a list of URLs, while it is being downloaded.

pub mod archive;
pub mod budget;
pub mod descriptor;
pub mod egress;
pub mod fetch;
pub mod plan;
pub mod value;
pub mod zip;
