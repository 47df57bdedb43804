//! The random numbers that published results were made with.
//!
//! Authors' tables depend on the generators of their languages: [`NumpyRandom`] gives what
//! `numpy.random.RandomState(seed)` gives, [`PythonRandom`] what CPython's `random.Random(seed)` gives, number by
//! number. Both are the Mersenne Twister MT19937 with different seeding and different ways from its 32 bits to a number.
//! A recipe that uses one starts it anew for every exam, so that a score depends on the exam alone.

mod mt19937;
mod numpy;
mod python;

pub use numpy::NumpyRandom;
pub use python::PythonRandom;
