"""Times scikit-learn and numpy on a table that the benchmark wrote: FOLDER delong|obuchowski|bootstrap COUNT.

COUNT is how often an analytic error is computed, or how many resamples are drawn. Prints seconds by the clock, seconds of the
processor, the AUC, its standard error. Two rows a patient, side by side.
"""

import sys
import time

import numpy
from sklearn.metrics import roc_auc_score


def midranks(values):
    """Ranks from 1, ties sharing their mean."""
    order = numpy.argsort(values, kind="quicksort")
    ordered = values[order]
    starts = numpy.flatnonzero(numpy.concatenate(([True], ordered[1:] != ordered[:-1])))
    ends = numpy.append(starts[1:], len(values))
    ranks = numpy.empty(len(values))
    ranks[order] = numpy.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def placements(positive, scores):
    """DeLong's components by midranks: Sun, Xu, IEEE Signal Processing Letters 21 (2014), algorithm 2."""
    x, y = scores[positive], scores[~positive]
    z = midranks(numpy.concatenate((x, y)))
    return (z[: len(x)] - midranks(x)) / len(y), 1 - (z[len(x) :] - midranks(y)) / len(x)


def delong_error(positive, scores):
    """DeLong's standard error."""
    v10, v01 = placements(positive, scores)
    return numpy.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))


def obuchowski_error(positive, scores):
    """By patient: Obuchowski, Biometrics 53 (1997) 567."""
    v10, v01 = placements(positive, scores)
    m, n, area = len(v10), len(v01), v10.mean()
    patient = numpy.arange(len(scores)) // 2
    patients = patient[-1] + 1
    p = numpy.bincount(patient[positive], v10 - area, patients)
    q = numpy.bincount(patient[~positive], v01 - area, patients)
    with_x = numpy.count_nonzero(numpy.bincount(patient[positive], minlength=patients))
    with_y = numpy.count_nonzero(numpy.bincount(patient[~positive], minlength=patients))
    s10 = with_x / (with_x - 1) * (p @ p) / m**2
    s01 = with_y / (with_y - 1) * (q @ q) / n**2
    return numpy.sqrt(s10 + s01 + 2 * patients / (patients - 1) * (p @ q) / (m * n))


def bootstrap_error(positive, scores, count):
    """Patients drawn with replacement, each with both rows."""
    random = numpy.random.default_rng(8)
    rows = numpy.arange(len(scores)).reshape(-1, 2)
    values = []
    for _ in range(count):
        drawn = rows[random.integers(0, len(rows), len(rows))].ravel()
        values.append(roc_auc_score(positive[drawn], scores[drawn]))
    return numpy.std(values, ddof=1)


folder, task, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
scores = numpy.fromfile(folder + "/scores.f64")
positive = numpy.fromfile(folder + "/positive.u8", dtype=numpy.uint8).astype(bool)
roc_auc_score([0, 1], [0.0, 1.0])
wall, processor = time.perf_counter(), time.process_time()
errors = {"delong": delong_error, "obuchowski": obuchowski_error}
for _ in range(count if task in errors else 1):
    auc = roc_auc_score(positive, scores)
    error = errors[task](positive, scores) if task in errors else bootstrap_error(positive, scores, count)
print(time.perf_counter() - wall, time.process_time() - processor, repr(float(auc)), repr(float(error)))
