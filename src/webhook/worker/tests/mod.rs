//! The engine against a table and a time of its own.

mod bounds;
mod running;
mod simulation;
mod world;
