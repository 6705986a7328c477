//! Builds of real images, on a base that is made once; see [`seed`].

mod bad_input;
mod cache;
mod cancel;
mod distributions;
mod dockerfiles;
mod elsewhere;
mod example;
mod full_disk;
mod layers;
mod local_paths;
mod lock;
mod needs_docker;
mod needs_gpg;
mod needs_skopeo;
mod needs_uidmap;
mod oracle;
mod packages;
mod partial;
mod python;
mod replaced;
mod reproducible;
mod run;
mod secrets;
mod seed;
mod storm;
mod together;
