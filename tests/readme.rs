//! What the READMEs show is true.
