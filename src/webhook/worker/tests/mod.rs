//! The engine against a table and a time of its own.

mod bounds;
mod files;
mod running;
mod simulation;
mod world;
