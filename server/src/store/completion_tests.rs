use proptest::prelude::*;
use uvid_exam::{Acquisition, Intent};

use super::*;

const PATIENCE: Patience =
    Patience { four_views: true, quiet: Duration::from_millis(100), hard: Duration::from_millis(1000) };

fn rules() -> Rules {
    Rules {
        required: vec![],
        acquisitions: vec![Acquisition::Ffdm, Acquisition::Synthetic2d],
        intents: vec![Intent::ForPresentation],
        implants: false,
        lossy: false,
        burned_in_annotation: false,
        magnification_max: 1.2,
        manufacturers: None,
        reduced: None,
    }
}

fn view(slot: usize) -> HeaderView {
    HeaderView { slot: Slot::ALL[slot], intent: Intent::ForPresentation, acquisition: Acquisition::Ffdm }
}

fn new(at_ms: i64, view: Option<HeaderView>) -> Arrival {
    Arrival { at_ms, scored: false, announced: false, view }
}

#[test]
fn a_study_is_due_when_its_content_says_so() {
    let check = |arrivals: &[Arrival], missing: usize, expected: (i64, Because)| {
        assert_eq!(due(arrivals, missing, Some(&rules()), &PATIENCE, 5000), expected, "{arrivals:?}");
    };
    let four = |at_ms| [0, 1, 2, 3].map(|slot| new(at_ms, Some(view(slot))));
    let scored = |arrival: Arrival| Arrival { scored: true, ..arrival };
    let announced = |arrival: Arrival| Arrival { announced: true, ..arrival };

    check(&[new(5000, None)], 0, (5100, Because::Quiet));
    check(&[new(4900, None), new(5000, None)], 0, (5100, Because::Quiet));
    // However many still come.
    check(&[new(4050, None), new(5000, None)], 0, (5050, Because::HardLimit));
    check(&four(5000), 0, (5000, Because::FourViews));
    check(&four(5000)[..3], 0, (5100, Because::Quiet));
    // Twice the same view is not two views.
    check(&[new(5000, Some(view(0))); 4], 0, (5100, Because::Quiet));
    // Four views of two kinds are no exam.
    let mut mixed = four(5000);
    mixed[3].view = Some(HeaderView { acquisition: Acquisition::Synthetic2d, ..view(3) });
    check(&mixed, 0, (5100, Because::Quiet));
    // Images that the model does not take do not count.
    for odd in [
        HeaderView { intent: Intent::ForProcessing, ..view(3) },
        HeaderView { acquisition: Acquisition::ScreenFilm, ..view(3) },
    ] {
        let mut not_taken = four(5000);
        not_taken[3].view = Some(odd);
        check(&not_taken, 0, (5100, Because::Quiet));
    }
    // A late image of a study that was scored with its four views waits for more of its kind ...
    let late: Vec<Arrival> = four(1000).map(scored).into_iter().chain([new(4990, None)]).collect();
    check(&late, 0, (5090, Because::Quiet));
    // ... and one that completes them does not.
    let mut completed = four(1000).map(scored);
    completed[3] = new(5000, Some(view(3)));
    check(&completed, 0, (5000, Because::FourViews));
    // What was announced is there, or is not.
    check(&[announced(new(4980, None)), new(4990, None)], 0, (5000, Because::Notice));
    check(&[announced(new(4980, None)), new(4990, None)], 1, (5090, Because::Quiet));
    check(&[scored(announced(new(4980, None))), new(4990, None)], 0, (5090, Because::Quiet));
    // A lost object that came again.
    check(&[scored(new(10, None))], 0, (5100, Because::Quiet));
    check(&[], 0, (5100, Because::Quiet));
    // A clock that was set back.
    check(&[new(99_000, None)], 0, (5100, Because::Quiet));
}

#[test]
fn without_four_views_the_content_does_not_hurry() {
    let patience = Patience { four_views: false, ..PATIENCE };
    let four = [0, 1, 2, 3].map(|slot| new(5000, Some(view(slot))));
    assert_eq!(due(&four, 0, Some(&rules()), &patience, 5000), (5100, Because::Quiet));
    assert_eq!(due(&four, 0, None, &PATIENCE, 5000), (5100, Because::Quiet));
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let one = (0_i64..10_000, any::<bool>(), any::<bool>(), proptest::option::of(0_usize..4));
    let one =
        one.prop_map(|(at_ms, scored, announced, slot)| Arrival { at_ms, scored, announced, view: slot.map(view) });
    proptest::collection::vec(one, 0..12)
}

proptest! {
    /// Never later than the quiet time from now, nor than the hard limit; the order of arrival decides nothing.
    #[test]
    fn a_study_never_waits_longer_than_its_limits(
        arrivals in arrivals(), missing in 0_usize..3, four_views: bool, quiet in 0_u64..5000, hard in 0_u64..5000,
        now in 0_i64..10_000,
    ) {
        let patience =
            Patience { four_views, quiet: Duration::from_millis(quiet), hard: Duration::from_millis(hard) };
        let (at, because) = due(&arrivals, missing, Some(&rules()), &patience, now);
        prop_assert!(at <= now + quiet as i64);
        if let Some(first) = arrivals.iter().filter(|a| !a.scored).map(|a| a.at_ms).min() {
            prop_assert!(at <= now.max(first + hard as i64));
        }
        prop_assert!(four_views || because != Because::FourViews);
        prop_assert!(missing == 0 || because != Because::Notice);
        let reversed: Vec<Arrival> = arrivals.iter().rev().copied().collect();
        prop_assert_eq!(due(&reversed, missing, Some(&rules()), &patience, now), (at, because));
    }

    /// One more image never makes a study that was due by its content wait again.
    #[test]
    fn four_views_stay_four_views(arrivals in arrivals(), one in arrivals()) {
        let (_, because) = due(&arrivals, 0, Some(&rules()), &PATIENCE, 10_000);
        let more: Vec<Arrival> =
            arrivals.iter().copied().chain(one.into_iter().map(|a| Arrival { scored: false, ..a })).collect();
        let (_, then) = due(&more, 0, Some(&rules()), &PATIENCE, 10_000);
        if because == Because::FourViews {
            prop_assert!(matches!(then, Because::FourViews | Because::Notice));
        }
    }
}
