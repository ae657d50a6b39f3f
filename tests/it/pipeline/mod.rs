//! From descriptors to archives, through the whole service.

mod s3;
