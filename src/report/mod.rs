//! Placeholder of the room `report`.

pub mod audit;
pub mod explain;
pub mod ladder;
