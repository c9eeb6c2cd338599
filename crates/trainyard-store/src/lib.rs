//! Where parameters live and how they change: memory, shards, checkpoints.
