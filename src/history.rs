//! history: see ARCHITECTURE.md.
