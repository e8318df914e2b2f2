//! A stand-in for the registries that images come from: which tag stands for which digest.

mod answer;
mod catalogue;
mod image;
mod manifest;

pub(crate) use answer::routes;
pub(crate) use catalogue::Registry;
pub(crate) use image::Image;
