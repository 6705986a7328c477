//! Layers as streams: tar entries, whiteouts, compression, file index.
