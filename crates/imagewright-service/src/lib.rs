//! What a user can do, whatever the front end: one function for each use case.
