//! A process' CPU time, and the processor that it runs on, which Linux alone tells this way.

#[cfg(target_os = "linux")]
pub(crate) use linux::{CpuClock, stay_on_one};
#[cfg(not(target_os = "linux"))]
pub(crate) use nowhere::{CpuClock, stay_on_one};

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use bench::scene::Outcome;
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::time::ClockId;
    use nix::unistd::Pid;

    /// The clock of a process, which runs when one of its threads does, to the nanosecond.
    pub(crate) struct CpuClock(ClockId);

    impl CpuClock {
        /// Finds a process' clock.
        pub(crate) fn of(pid: u32) -> Outcome<Self> {
            Ok(Self(ClockId::pid_cpu_clock_id(Pid::from_raw(pid.try_into()?))?))
        }

        /// The CPU time of the process so far.
        pub(crate) fn time(&self) -> Outcome<Duration> {
            Ok(self.0.now()?.into())
        }
    }

    /// Binds this thread, and all threads and processes that it starts from now on, to one
    /// processor.
    pub(crate) fn stay_on_one() -> Outcome<()> {
        let this_thread = Pid::from_raw(0);
        let allowed = sched_getaffinity(this_thread)?;
        let mut processors = (0..CpuSet::count()).rev();
        // The first one serves most interrupts.
        let last = processors.find(|number| allowed.is_set(*number) == Ok(true));
        let mut one = CpuSet::new();
        one.set(last.ok_or("there is no processor to run on")?)?;
        Ok(sched_setaffinity(this_thread, &one)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use std::time::Duration;

    use bench::scene::Outcome;

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

    pub(crate) fn stay_on_one() -> Outcome<()> {
        Err(LINUX_ONLY.into())
    }
}
