//! Which instructions the processor has, and how a loop gets to use them.

use super::lanes::{Lanes, Portable};

/// The instructions that a network is run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// What the compiler makes of plain Rust.
    Portable,
    /// AVX2 with FMA: vectors of 8.
    Avx2,
    /// AVX-512 F, BW, DQ and VL: vectors of 16.
    Avx512,
}

impl InstructionSet {
    /// All that there are, the slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Whether this processor, and its operating system, have it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// What the processor must have for it.
    pub fn instructions(self) -> &'static str {
        match self {
            Self::Portable => "instructions at all",
            Self::Avx2 => "AVX2 and FMA",
            Self::Avx512 => "AVX-512 F, BW, DQ and VL",
        }
    }

    /// The fastest that this processor has.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|set| set.is_available()).unwrap_or(Self::Portable)
    }
}

impl std::fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

/// A set that was asked for and is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no instruction set {0}: portable, avx2 or avx512")]
pub struct UnknownSet(String);

impl std::str::FromStr for InstructionSet {
    type Err = UnknownSet;

    fn from_str(name: &str) -> Result<Self, UnknownSet> {
        Self::ALL.into_iter().find(|set| set.to_string() == name).ok_or_else(|| UnknownSet(name.to_owned()))
    }
}

/// A loop that is generic over vectors.
pub(super) trait Loop {
    /// Runs it, `#[inline(always)]`, so that it is compiled with the set's instructions.
    ///
    /// # Safety
    ///
    /// The instruction set of `V` is there; what else the loop demands.
    unsafe fn run<V: Lanes>(self);
}

/// Runs a loop with the vectors of an instruction set.
///
/// # Safety
///
/// The set [is available](InstructionSet::is_available); what else the loop demands.
pub(super) unsafe fn on<L: Loop>(set: InstructionSet, work: L) {
    match set {
        // SAFETY: the caller's.
        InstructionSet::Portable => unsafe { work.run::<Portable>() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's.
        InstructionSet::Avx2 => unsafe { on_avx2(work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's.
        InstructionSet::Avx512 => unsafe { on_avx512(work) },
        #[cfg(not(target_arch = "x86_64"))]
        // SAFETY: the caller's. Never available here.
        InstructionSet::Avx2 | InstructionSet::Avx512 => unsafe { work.run::<Portable>() },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn on_avx2<L: Loop>(work: L) {
    // SAFETY: the caller's.
    unsafe { work.run::<super::lanes::Avx2>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn on_avx512<L: Loop>(work: L) {
    // SAFETY: the caller's.
    unsafe { work.run::<super::lanes::Avx512>() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_known_by_its_name() {
        for set in InstructionSet::ALL {
            assert_eq!(set.to_string().parse(), Ok(set));
        }
        assert!("sse9".parse::<InstructionSet>().is_err());
        assert!(InstructionSet::best().is_available());
    }
}
