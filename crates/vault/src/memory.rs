//! What is in memory stays there: a program that dies leaves no copy of it on the disk.
//!
//! Not here: what is wiped while a program runs, which each type sees to itself.

/// Keeps the operating system from writing the memory of this program, and of those that it starts from now on, to the disk
/// when one of them dies: there are keys, tokens and patients in it. Called first in `main`.
pub fn leave_no_core_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // 1 and not 0: Linux gives a dump to a program of the system (core_pattern with a pipe, as systemd has it) whatever
        // the limit, but for this one; and no file of one byte is written (core(5); fs/coredump.c, do_coredump).
        let one_byte = Rlimit { current: Some(1), maximum: Some(1) };
        // Lower limits than this one are kept: a limit that can't be set was lower.
        let _kept = setrlimit(Resource::Core, one_byte);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_program_and_those_that_it_starts_may_leave_no_core_file_and_can_not_allow_it_again() {
        super::leave_no_core_files();
        let shell = |line: &str| {
            let out = std::process::Command::new("sh").args(["-c", line]).output().unwrap();
            (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
        };
        let (_, limits) = shell("grep 'Max core file size' /proc/self/limits");
        let numbers: Vec<u64> = limits.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert!(numbers.len() == 2 && numbers.iter().all(|most| *most <= 1), "{limits}");
    }
}
