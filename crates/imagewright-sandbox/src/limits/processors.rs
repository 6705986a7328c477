//! Some of the processors this process may use: the coarse way to limit processor time.

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// Chooses whole processors for `cpu` processors' worth of time. Sandboxes at the same time get different ones,
/// more or less.
pub(super) fn choose(cpu: f64) -> nix::Result<CpuSet> {
    let usable = sched_getaffinity(Pid::from_raw(0))?;
    let numbers: Vec<usize> =
        (0..CpuSet::count()).filter(|number| usable.is_set(*number) == Ok(true)).collect();
    let mut chosen = CpuSet::new();
    let first = std::process::id() as usize;
    for number in numbers.iter().cycle().skip(first % numbers.len()).take(wanted(cpu, numbers.len())) {
        chosen.set(*number)?;
    }
    Ok(chosen)
}

fn wanted(cpu: f64, usable: usize) -> usize {
    // Saturates, and is at least 1 because `cpu` is positive.
    (cpu.ceil() as usize).min(usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_as_many_as_needed_and_there_are() {
        for (cpu, usable, expected) in
            [(0.01, 4, 1), (1.0, 4, 1), (1.5, 4, 2), (4.0, 4, 4), (9.0, 4, 4), (f64::INFINITY, 4, 4)]
        {
            assert_eq!(wanted(cpu, usable), expected, "{cpu} of {usable}");
        }
        let chosen = choose(1.0).unwrap();
        assert_eq!((0..CpuSet::count()).filter(|number| chosen.is_set(*number) == Ok(true)).count(), 1);
    }
}
