//! The project's own commands: `cargo xtask VERB`. One module a verb; few dependencies, because every newcomer waits
//! for this program to be built before anything else happens.
//!
//! Not here: anything the product needs when it runs.

mod bench;
mod codegen;
mod demo;
mod fuzz;
mod run;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask VERB

  demo [--headless] [--out DIR] [--key SOURCE]
                                  build everything, import the sample studies and open the application; without a
                                  display or with --headless: the same as a tour, with report.json and screenshots
  test                            everything that must hold before a change is accepted (also what CI runs)
  check                           the same without the end-to-end run
  e2e [SCENE...]                  the end-to-end run alone, with the programs as they were built last
  bench NAME... [--json FILE]     load, cache, render: ours against the peer on the same input
  fuzz [TARGET...] [--seconds N]  an hour (or N seconds) of fuzzing for each target; needs a nightly compiler. `test`
                                  replays what is kept without one
  tidy                            the repository's rules
  codegen [--check]               write (or compare) what the front end takes from Rust
  setup                           install what is missing to build and to test
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((verb, rest)) = words.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match verb.as_str() {
        "demo" => demo::demo(rest),
        "test" => test::test(true),
        "check" => test::test(false),
        "e2e" => test::end_to_end_runs(rest),
        "bench" => bench::bench(rest),
        "fuzz" => fuzz::fuzz(rest),
        "tidy" => tidy::tidy(),
        "codegen" => codegen::codegen(rest.iter().any(|w| w == "--check")),
        "setup" => setup::setup(setup::Purpose::Test),
        "package" => {
            eprintln!(
                "`package` is not part of the program yet: installers are described in installer/README.md"
            );
            return ExitCode::from(2);
        }
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => {
            eprintln!("`{other}` is not a verb\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<run::Usage>() => {
            eprintln!("{error}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("\nFAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}
