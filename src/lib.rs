//! ZipStream: one ZIP archive out of a list of URLs, while it is being downloaded.

pub mod descriptor;
pub mod value;
