//! Pieces that only think.

fn main() {
    divan::main();
}
