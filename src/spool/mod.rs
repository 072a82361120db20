//! Placeholder of the room `spool`.
