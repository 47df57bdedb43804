"""ROC, precision and recall by scikit-learn; what no package has, from the papers' formulas, over all pairs."""

import json
import sys
import warnings

import numpy as np
from scipy import stats
from sklearn import metrics

warnings.filterwarnings("ignore")


def placements(label, score):
    """DeLong et al. 1988: the structural components V10 and V01."""
    x, y = score[label == 1], score[label == 0]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return psi.mean(1), psi.mean(0)


def obuchowski(label, scores, cluster):
    """Areas and covariance matrix, Obuchowski 1997: S10, S01, S11 from sums by cluster."""
    ids = np.unique(cluster)
    m, n = (label == 1).sum(), (label == 0).sum()
    areas, p, q = [], [], []
    for score in scores:
        v10, v01 = placements(label, score)
        area = v10.mean()
        areas.append(area)
        p.append([(v10[cluster[label == 1] == i] - area).sum() for i in ids])
        q.append([(v01[cluster[label == 0] == i] - area).sum() for i in ids])
    p, q = np.array(p), np.array(q)
    i10 = len(np.unique(cluster[label == 1]))
    i01 = len(np.unique(cluster[label == 0]))
    i = len(ids)
    s10 = i10 / ((i10 - 1) * m) * p @ p.T
    s01 = i01 / ((i01 - 1) * n) * q @ q.T
    s11 = i / (i - 1) * p @ q.T
    return np.array(areas), s10 / m + s01 / n + (s11 + s11.T) / (m * n)


def overall(areas, covariance):
    """DeLong et al. 1988: chi-squared, with neighbours' differences as contrasts."""
    contrasts = np.diff(np.eye(len(areas)), axis=0)
    difference = contrasts @ areas
    spread = contrasts @ covariance @ contrasts.T
    if np.linalg.cond(spread) > 1e8:
        return None
    chi = difference @ np.linalg.inv(spread) @ difference
    return [chi, stats.chi2.sf(chi, len(areas) - 1)]


def hanley_mcneil(area, m, n):
    """Hanley and McNeil 1982."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    return np.sqrt((area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n))


def probabilistic_f1(label, p, weight):
    """The challenge's evaluation page, beta = 1, by precision and recall; none where precision is 0/0."""
    if (weight * p).sum() == 0:
        return None
    precision = (weight * p * label).sum() / (weight * p).sum()
    recall = (weight * p * label).sum() / (weight * label).sum()
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def f1(label, called, weight):
    if (weight * called).sum() == 0:
        return None
    return metrics.f1_score(label, called, sample_weight=weight)


def answer(case):
    label = np.array(case["label"])
    scores = np.array(case["scores"])
    weight = np.array(case["weight"])
    cluster = np.array(case["cluster"])
    score = scores[0]
    fpr, tpr, thresholds = metrics.roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    kept = metrics.roc_curve(label, score, sample_weight=weight, drop_intermediate=True)
    precision, recall, at = metrics.precision_recall_curve(label, score, sample_weight=weight)
    areas, covariance = obuchowski(label, scores, cluster)
    alone = obuchowski(label, scores, np.arange(len(label)))[1]
    return {
        "auc": metrics.roc_auc_score(label, score),
        "weighted": metrics.roc_auc_score(label, score, sample_weight=weight),
        "max_fpr": [metrics.roc_auc_score(label, score, sample_weight=weight, max_fpr=f) for f in case["max_fpr"]],
        "curve": [fpr.tolist()[1:], tpr.tolist()[1:], thresholds.tolist()[1:]],
        "area_of_kept": metrics.auc(kept[0], kept[1]),
        "ap": metrics.average_precision_score(label, score),
        "ap_weighted": metrics.average_precision_score(label, score, sample_weight=weight),
        # Theirs runs from the lowest threshold and adds a point without one.
        "pr": [precision[-2::-1].tolist(), recall[-2::-1].tolist(), at[::-1].tolist()],
        "areas": areas.tolist(),
        "clustered": covariance.tolist(),
        "alone": alone.tolist(),
        "overall": overall(areas, covariance),
        "hanley_mcneil": hanley_mcneil(areas[0], int((label == 1).sum()), int((label == 0).sum())),
        "pf1": probabilistic_f1(label, score, weight),
        "f1": [f1(label, score >= t, weight) for t in np.unique(score)],
    }


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
