//! Placeholder of the room `channel`.
