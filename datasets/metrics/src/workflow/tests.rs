use proptest::prelude::{any, prop, prop_assert_eq, proptest};
use proptest::strategy::Strategy as Generator;

use super::*;
use crate::{Binary, operating_point::Confusion};

fn exam() -> impl Generator<Value = Exam> {
    (0..10_u8, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(score, cancer, one, two, by)| {
        Exam {
            score: f64::from(score) / 10.0,
            cancer: Some(cancer),
            first: Some(one),
            second: Some(two),
            consensus: (one != two).then_some(by),
        }
    })
}

const ARBITERS: [Arbiter; 5] =
    [Arbiter::Recorded, Arbiter::Second, Arbiter::Perfect, Arbiter::AnyRecall, Arbiter::BothRecall];

/// Six exams by hand: score, cancer, first, second, consensus.
fn six() -> Vec<Exam> {
    let exam = |score, cancer, first, second, consensus| Exam {
        score,
        cancer: Some(cancer),
        first: Some(first),
        second: Some(second),
        consensus,
    };
    vec![
        exam(0.9, true, true, true, None),
        exam(0.8, true, false, false, None),
        exam(0.7, false, true, false, Some(false)),
        exam(0.3, true, false, true, Some(true)),
        exam(0.2, false, true, true, None),
        exam(0.1, false, false, false, None),
    ]
}

#[test]
fn six_exams_by_hand() {
    let check = |strategy, readings, arbitrations, recalls, detected, missed, false_positives| {
        let expected = Programme {
            exams: 6,
            readings,
            arbitrations,
            recalls,
            truth: Ok(Truth { detected, missed, false_positives }),
        };
        assert_eq!(simulate(&six(), strategy), Ok(expected), "{strategy:?}");
    };
    let (threshold, arbiter) = (0.5, Arbiter::Recorded);
    check(Strategy::DoubleReading { arbiter }, 12, 2, 3, 2, 1, 1);
    check(Strategy::DoubleReading { arbiter: Arbiter::AnyRecall }, 12, 0, 4, 2, 1, 2);
    check(Strategy::DoubleReading { arbiter: Arbiter::BothRecall }, 12, 0, 2, 1, 2, 1);
    check(Strategy::SingleReading, 6, 0, 3, 1, 2, 2);
    check(Strategy::RuleOut { threshold, arbiter }, 6, 1, 1, 1, 2, 0);
    check(Strategy::SingleBelow { threshold, arbiter }, 9, 1, 2, 1, 2, 1);
    // Disagreements of the first reader with the AI: the second exam (both readers said normal) and the fifth (both recall).
    check(Strategy::AiAsSecond { threshold, arbiter }, 6, 2, 3, 1, 2, 2);
    check(Strategy::AiAsSecond { threshold, arbiter: Arbiter::Perfect }, 6, 2, 3, 2, 1, 1);
    check(Strategy::AiAsSecond { threshold, arbiter: Arbiter::Second }, 6, 2, 3, 1, 2, 2);
    check(Strategy::SafetyNet { threshold, arbiter, rescue: Arbiter::AnyRecall }, 12, 2, 4, 3, 0, 1);
    check(Strategy::SafetyNet { threshold, arbiter, rescue: Arbiter::Perfect }, 12, 3, 4, 3, 0, 1);
    check(Strategy::Standalone { threshold }, 0, 0, 3, 2, 1, 1);

    let found = compare(&six(), Strategy::Standalone { threshold }, Strategy::DoubleReading { arbiter }).unwrap();
    assert_eq!(found.cancers.clone().unwrap(), crate::proportions::Paired::new(1, 1, 1, 0).unwrap());
    assert_eq!(found.workload_change, Ok(-1.0));
    let found = rule_out(&six(), threshold, arbiter).unwrap();
    assert_eq!((found.below.events(), found.cancers, found.lost), (3, Ok(1), Ok(1)));
    assert_eq!((found.missed_anyway, found.false_positives_spared), (Ok(0), Ok(1)));
}

/// A suspicious exam that the second reader alone recalls and consensus does not.
#[test]
fn who_has_the_last_word() {
    let exam = Exam { score: 0.9, cancer: Some(true), first: Some(false), second: Some(true), consensus: Some(false) };
    let check = |strategy, readings, arbitrated, recalled| {
        assert_eq!(
            super::readings(&[exam], strategy),
            Ok(vec![Reading { readings, arbitrated, recalled }]),
            "{strategy:?}"
        );
    };
    let (threshold, arbiter) = (0.9, Arbiter::Recorded);
    check(Strategy::DoubleReading { arbiter }, 2, true, false);
    check(Strategy::DoubleReading { arbiter: Arbiter::Second }, 2, true, true);
    check(Strategy::AiAsSecond { threshold, arbiter }, 1, true, false);
    check(Strategy::AiAsSecond { threshold, arbiter: Arbiter::Second }, 1, true, true);
    check(Strategy::AiAsSecond { threshold, arbiter: Arbiter::AnyRecall }, 1, false, true);
    check(Strategy::AiAsSecond { threshold, arbiter: Arbiter::BothRecall }, 1, false, false);
    // The readers disagreed, so that the net is not asked.
    check(Strategy::SafetyNet { threshold, arbiter, rescue: Arbiter::AnyRecall }, 2, true, false);
    check(Strategy::RuleOut { threshold, arbiter: Arbiter::Perfect }, 2, true, true);
    check(Strategy::RuleOut { threshold: 0.91, arbiter }, 0, false, false);
    check(Strategy::SingleBelow { threshold: 0.91, arbiter }, 1, false, false);
}

#[test]
fn what_is_not_recorded_is_not_guessed() {
    let mut exams = six();
    exams[5].second = None;
    let arbiter = Arbiter::Recorded;
    let what = "exams with a decision of the second reader";
    let missing = Err(Undefined::TooFew { what, found: 5, needed: 6 });
    assert_eq!(simulate(&exams, Strategy::DoubleReading { arbiter }), missing);
    // Below the threshold nobody reads, so nothing is missing.
    assert!(simulate(&exams, Strategy::RuleOut { threshold: 0.15, arbiter }).is_ok());
    let found = rule_out(&exams, 0.15, arbiter).unwrap();
    assert_eq!((found.cancers, found.lost.is_err()), (Ok(0), true));
    exams[2].consensus = None;
    let what = "exams with a decision of consensus or arbitration";
    let missing = Err(Undefined::TooFew { what, found: 1, needed: 2 });
    assert_eq!(simulate(&exams, Strategy::RuleOut { threshold: 0.15, arbiter }), missing);
    exams[0].cancer = None;
    let found = simulate(&exams, Strategy::Standalone { threshold: 0.5 }).unwrap();
    assert_eq!((found.recalls, found.truth.is_err(), found.sensitivity().is_err()), (3, true, true));
    assert!(simulate(&exams, Strategy::Standalone { threshold: f64::NAN }).is_err());
    assert!(simulate(&[], Strategy::SingleReading).is_err());
    exams[0].score = f64::INFINITY;
    assert!(simulate(&exams, Strategy::SingleReading).is_err());
}

proptest! {
    #[test]
    fn a_threshold_at_the_end_changes_nothing(exams in prop::collection::vec(exam(), 1..40), which in 0..5_usize) {
        let arbiter = ARBITERS[which];
        let standard = simulate(&exams, Strategy::DoubleReading { arbiter }).unwrap();
        let (lowest, highest) = (f64::NEG_INFINITY, f64::INFINITY);
        for same in [
            Strategy::RuleOut { threshold: lowest, arbiter },
            Strategy::SingleBelow { threshold: lowest, arbiter },
            Strategy::SafetyNet { threshold: highest, arbiter, rescue: Arbiter::AnyRecall },
        ] {
            prop_assert_eq!(&simulate(&exams, same).unwrap(), &standard);
        }
        let single = simulate(&exams, Strategy::SingleReading).unwrap();
        prop_assert_eq!(simulate(&exams, Strategy::SingleBelow { threshold: highest, arbiter }).unwrap(), single);
    }

    #[test]
    fn counts_agree_with_each_other(
        exams in prop::collection::vec(exam(), 1..40),
        which in 0..5_usize,
        threshold in 0.0..1.0_f64,
    ) {
        let arbiter = ARBITERS[which];
        let standard = Strategy::DoubleReading { arbiter };
        for strategy in [
            Strategy::RuleOut { threshold, arbiter },
            Strategy::AiAsSecond { threshold, arbiter },
            Strategy::SafetyNet { threshold, arbiter, rescue: Arbiter::Perfect },
            Strategy::Standalone { threshold },
        ] {
            let found = compare(&exams, strategy, standard).unwrap();
            let truth = found.strategy.truth.clone().unwrap();
            prop_assert_eq!(truth.detected + truth.false_positives, found.strategy.recalls);
            prop_assert_eq!(found.recalls.first(), found.strategy.recall_rate().unwrap());
            prop_assert_eq!(found.recalls.second(), found.standard.recall_rate().unwrap());
            if let Ok(cancers) = found.cancers {
                prop_assert_eq!(cancers.first(), found.strategy.sensitivity().unwrap());
            }
            if let Ok(healthy) = found.false_positives {
                prop_assert_eq!(healthy.first().complement(), found.strategy.specificity().unwrap());
            }
        }
        // Ruling out loses what it says it loses.
        let found = compare(&exams, Strategy::RuleOut { threshold, arbiter }, standard).unwrap();
        let below = rule_out(&exams, threshold, arbiter).unwrap();
        if let Ok(cancers) = found.cancers {
            prop_assert_eq!(cancers.second_only(), below.lost.unwrap());
        }
    }

    #[test]
    fn standalone_is_the_confusion_matrix(exams in prop::collection::vec(exam(), 1..40), threshold in 0.0..1.0_f64) {
        let scores: Vec<f64> = exams.iter().map(|exam| exam.score).collect();
        let positive: Vec<bool> = exams.iter().filter_map(|exam| exam.cancer).collect();
        let counts = Confusion::at(&Binary::new(&scores, &positive).unwrap(), threshold).unwrap();
        let truth = simulate(&exams, Strategy::Standalone { threshold }).unwrap().truth.unwrap();
        prop_assert_eq!(truth.detected, counts.true_positives);
        prop_assert_eq!(truth.missed, counts.false_negatives);
        prop_assert_eq!(truth.false_positives, counts.false_positives);
    }
}
