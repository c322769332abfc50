//! publish: see ARCHITECTURE.md.
