//! The CPU time of a process, and the processor that it runs on. Both need Linux.

#[cfg(target_os = "linux")]
pub(crate) use linux::{CpuClock, bind_to_one};
#[cfg(not(target_os = "linux"))]
pub(crate) use unsupported::{CpuClock, bind_to_one};

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use bench::fixture::Outcome;
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::time::ClockId;
    use nix::unistd::Pid;

    /// The CPU clock of a process, in nanoseconds.
    pub(crate) struct CpuClock(ClockId);

    impl CpuClock {
        /// Returns the clock of a process.
        pub(crate) fn of(pid: u32) -> Outcome<Self> {
            Ok(Self(ClockId::pid_cpu_clock_id(Pid::from_raw(pid.try_into()?))?))
        }

        /// Returns the CPU time of the process so far.
        pub(crate) fn time(&self) -> Outcome<Duration> {
            Ok(self.0.now()?.into())
        }
    }

    /// Binds this thread to one processor, and all threads and processes that it starts later.
    pub(crate) fn bind_to_one() -> Outcome<()> {
        let this_thread = Pid::from_raw(0);
        let allowed = sched_getaffinity(this_thread)?;
        let mut processors = (0..CpuSet::count()).rev();
        // Not the first one, which serves most interrupts.
        let last = processors.find(|number| allowed.is_set(*number) == Ok(true));
        let mut one = CpuSet::new();
        one.set(last.ok_or("this thread may not run on any processor")?)?;
        Ok(sched_setaffinity(this_thread, &one)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod unsupported {
    use std::time::Duration;

    use bench::fixture::Outcome;

    const LINUX_ONLY: &str = "processes can be measured on Linux only";

    pub(crate) struct CpuClock;

    impl CpuClock {
        pub(crate) fn of(_: u32) -> Outcome<Self> {
            Err(LINUX_ONLY.into())
        }

        pub(crate) fn time(&self) -> Outcome<Duration> {
            Err(LINUX_ONLY.into())
        }
    }

    pub(crate) fn bind_to_one() -> Outcome<()> {
        Err(LINUX_ONLY.into())
    }
}
