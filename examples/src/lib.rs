//! The programs are in `examples/`. `tests/run_them.rs` runs each of them.
