//! Placeholder of the room `run`.
