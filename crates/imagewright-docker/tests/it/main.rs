//! What daemons really do.

mod needs_docker_and_registry;
