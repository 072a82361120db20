//! Placeholder of the room `report`.
