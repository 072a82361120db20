//! Placeholder of the room `license`.
