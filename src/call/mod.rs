//! Placeholder of the room `call`.
