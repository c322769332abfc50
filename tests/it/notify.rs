//! What people and programs are told: the plan and its texts.

mod ground;
mod letters;
mod plan;
mod properties;
