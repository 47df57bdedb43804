"""Intervals from given resamples by scipy and by Efron and Tibshirani's formulas; resamples' values by scikit-learn."""

import dataclasses
import json
import sys

import numpy
from scipy.stats import bootstrap, norm
from sklearn.metrics import average_precision_score, roc_auc_score


def by_scipy(case):
    """scipy.stats.bootstrap, told which resamples there are and to draw no more."""
    values = numpy.array(case["values"])
    first = bootstrap((values,), numpy.mean, n_resamples=2, method="percentile")
    given = dataclasses.replace(first, bootstrap_distribution=numpy.array(case["resampled"]))
    numbers = []
    for method in ["percentile", "basic", "BCa"]:
        result = bootstrap((values,), numpy.mean, n_resamples=0, method=method, confidence_level=case["level"],
                           bootstrap_result=given)
        numbers += [result.confidence_interval.low, result.confidence_interval.high]
    return numbers + [result.standard_error]


def by_the_book(case):
    """Efron, Tibshirani, An Introduction to the Bootstrap, for the mean."""
    values, resampled = numpy.array(case["values"]), numpy.array(case["resampled"])
    observed, tail = values.mean(), (1 - case["level"]) / 2
    percentile = numpy.quantile(resampled, [tail, 1 - tail])  # (13.5)
    # (14.14), with half of those that are equal
    z0 = norm.ppf((resampled < observed).mean() + (resampled == observed).mean() / 2)
    without = numpy.array([numpy.delete(values, row).mean() for row in range(len(values))])
    d = without.mean() - without
    a = (d**3).sum() / (6 * (d**2).sum() ** 1.5)  # (14.15)
    z = norm.ppf([tail, 1 - tail])
    levels = norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))  # (14.10)
    bca = numpy.quantile(resampled, levels)
    # Davison, Hinkley, Bootstrap Methods and their Application, (4.11), on both sides
    null, more = case["against"], len(resampled) + 1
    p = min(1, 2 * min((resampled <= null).sum() + 1, (resampled >= null).sum() + 1) / more)
    return [*percentile, *(2 * observed - percentile[::-1]), *bca, resampled.std(ddof=1), z0, a, p]


def acceleration(case):
    """Davison, Hinkley (5.28), with jackknife values (2.42) for l."""
    strata, without = numpy.array(case["strata"]), numpy.array(case["without"])
    squares = cubes = 0
    for stratum in set(strata.tolist()):
        mine = without[strata == stratum]
        n = len(mine)
        influence = (n - 1) * (mine.mean() - mine)
        squares += (influence**2).sum() / n**2
        cubes += (influence**3).sum() / n**3
    return cubes / squares**1.5 / 6


def values(case):
    positive, scores = case["positive"], case["scores"]
    return {
        "auc": [roc_auc_score(positive, scores, sample_weight=weights) for weights in case["weights"]],
        "average_precision": [average_precision_score(positive, scores, sample_weight=w) for w in case["weights"]],
    }


cases = json.load(sys.stdin)
answers = {
    "intervals": [{"scipy": by_scipy(case), "book": by_the_book(case)} for case in cases.get("intervals", [])],
    "accelerations": [acceleration(case) for case in cases.get("accelerations", [])],
    "values": [values(case) for case in cases.get("values", [])],
}
json.dump(answers, sys.stdout, default=float)
