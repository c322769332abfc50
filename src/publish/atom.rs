//! atom.
