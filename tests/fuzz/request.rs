//! Request lines and headers: see `src/server/fuzz.rs` for what must hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| turmwacht::server::fuzz::request(input));
