//! The content store: an OCI image layout on disk with snapshots, facts, locks and transfer.
