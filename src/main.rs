//! The program: see `turmwacht --help`.

fn main() -> std::process::ExitCode {
    turmwacht::cli::main()
}
