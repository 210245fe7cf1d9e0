//! The programs are in `examples/`, and `tests/run_them.rs` runs each of them.
