//! The threads of a run: whoever is free helps.
//!
//! The caller walks through the steps and never waits for anybody but those who hold a piece of the current one; the
//! other threads of rayon's pool, if they have nothing else to do, take pieces too. So a run among decoders is neither
//! held up by them nor takes more cores than there are, and a step of a few microseconds costs no wake-up.
//!
//! Invariant: a step begins when every piece of the one before it is done.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Turns of a helper around an empty queue before it offers its core to others.
const SPINS: u32 = 2000;

/// The steps' queue. A ticket is the step in the upper half and the next piece in the lower.
struct Queue {
    ticket: AtomicU64,
    done: AtomicUsize,
    ended: AtomicBool,
    panicked: AtomicBool,
}

/// Counts a piece as done, also when it panics.
struct Done<'a>(&'a Queue);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked.store(true, Ordering::Relaxed);
        }
        self.0.done.fetch_add(1, Ordering::Release);
    }
}

/// Ends the helpers, also when the caller panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// How many threads a run may have.
pub(super) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Does all pieces of step after step: `work(step, piece, worker)`, workers from 0 to less than `workers`. After each
/// step, `after(step)` on the caller's thread; where it says so, the run ends.
pub(super) fn run<E: Send>(
    pieces: &[usize],
    workers: usize,
    work: impl Fn(usize, usize, usize) + Sync,
    mut after: impl FnMut(usize) -> Result<(), E> + Send,
) -> Result<(), E> {
    let queue = Queue {
        ticket: AtomicU64::new(u64::MAX),
        done: AtomicUsize::new(0),
        ended: AtomicBool::new(false),
        panicked: AtomicBool::new(false),
    };
    let (queue, work) = (&queue, &work);
    let mut lead = move || {
        let _end = End(&queue.ended);
        for (step, count) in pieces.iter().enumerate() {
            queue.done.store(0, Ordering::Relaxed);
            queue.ticket.store((step as u64) << 32, Ordering::Release);
            while let Some((step, piece)) = claim(queue, pieces) {
                let _done = Done(queue);
                work(step, piece, 0);
            }
            while queue.done.load(Ordering::Acquire) < *count {
                std::hint::spin_loop();
            }
            if queue.panicked.load(Ordering::Relaxed) {
                // The helper's panic goes on where the threads meet.
                return Ok(());
            }
            after(step)?;
        }
        Ok(())
    };
    if workers <= 1 || pieces.iter().all(|n| *n <= 1) {
        return lead();
    }
    rayon::scope(|scope| {
        for worker in 1..workers {
            scope.spawn(move |_| help(queue, pieces, |step, piece| work(step, piece, worker)));
        }
        lead()
    })
}

fn help(queue: &Queue, pieces: &[usize], work: impl Fn(usize, usize)) {
    let mut spins = 0;
    while !queue.ended.load(Ordering::Acquire) {
        if let Some((step, piece)) = claim(queue, pieces) {
            spins = 0;
            let _done = Done(queue);
            work(step, piece);
        } else if spins < SPINS {
            spins += 1;
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

/// Takes the next piece of the current step, if there is one.
fn claim(queue: &Queue, pieces: &[usize]) -> Option<(usize, usize)> {
    let mut ticket = queue.ticket.load(Ordering::Acquire);
    loop {
        let (step, piece) = ((ticket >> 32) as usize, (ticket & u64::from(u32::MAX)) as usize);
        if pieces.get(step).is_none_or(|count| piece >= *count) {
            return None;
        }
        match queue.ticket.compare_exchange_weak(ticket, ticket + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Some((step, piece)),
            Err(now) => ticket = now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn every_piece_is_done_once_and_steps_follow_each_other() {
        for workers in [1, 2, 5] {
            let pieces = [3, 1, 0, 40, 7];
            let seen = Mutex::new(Vec::new());
            let record = |step, piece, worker| {
                assert!(worker < workers);
                seen.lock().expect("lock").push((step, piece));
            };
            let mut ended = Vec::new();
            let after = |step| {
                ended.push(step);
                Ok::<_, ()>(())
            };
            run(&pieces, workers, record, after).expect("runs");
            assert_eq!(ended, [0, 1, 2, 3, 4]);
            let mut seen = seen.into_inner().expect("lock");
            assert!(seen.is_sorted_by_key(|(step, _)| *step), "{seen:?}");
            seen.sort_unstable();
            let all: Vec<_> = pieces.iter().enumerate().flat_map(|(s, n)| (0..*n).map(move |p| (s, p))).collect();
            assert_eq!(seen, all);
        }
    }

    #[test]
    fn an_error_ends_the_run() {
        let after = |step| if step == 1 { Err("enough") } else { Ok(()) };
        assert_eq!(run(&[2, 2, 2], 2, |step, _, _| assert!(step < 2), after), Err("enough"));
    }

    #[test]
    fn a_panic_in_a_piece_reaches_the_caller() {
        for workers in [1, 3] {
            let run = || run(&[64], workers, |_, piece, _| assert_ne!(piece, 60), |_| Ok::<_, ()>(()));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err(), "{workers}");
        }
    }
}
