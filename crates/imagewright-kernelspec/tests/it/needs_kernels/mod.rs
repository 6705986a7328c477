//! Enterprise Gateway's own reader of kernelspecs.
