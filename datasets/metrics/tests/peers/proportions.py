"""Proportions, operating points, decision curves, workflow and subgroups by statsmodels, scipy and scikit-learn; formulas
without a package are written down here from the papers, in another form than ours where there is one."""

import json
import sys
import warnings

import numpy as np
import statsmodels.api as sm
from scipy.optimize import brentq, linprog
from scipy.stats import binom, chi2, chi2_contingency, norm
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    _confint_riskratio_paired_nam,
    confint_proportions_2indep,
    proportion_confint,
)

warnings.simplefilter("ignore")


def pearson(observed, shares):
    """Rao's score statistic of multinomial counts is Pearson's: sum((x - n p)^2 / (n p)). A cell fitted as 0 is empty."""
    observed, shares = np.array(observed, float), np.array(shares, float)
    expected = observed.sum() * shares
    kept = expected > 1e-300
    return float(np.sum((observed[kept] - expected[kept]) ** 2 / expected[kept]))


def proportion(case):
    x, n, alpha = case["events"], case["of"], 1 - case["level"]
    return [*proportion_confint(x, n, alpha, "beta"), *proportion_confint(x, n, alpha, "wilson")]


def restricted(x1, n1, x2, n2, d):
    """The p2 that is most likely where p1 - p2 = d: the root of the likelihood's derivative."""
    low, high = max(0.0, -d), min(1.0, 1.0 - d)

    def slope(p):
        parts = [(x1, p + d), (-(n1 - x1), 1 - p - d), (x2, p), (-(n2 - x2), 1 - p)]
        return sum(weight / max(value, 1e-300) for weight, value in parts if weight)

    width = (high - low) * 1e-15
    if slope(low + width) <= 0:
        return low
    if slope(high - width) >= 0:
        return high
    return brentq(slope, low + width, high - width, xtol=1e-16, rtol=1e-15, maxiter=500)


def score(x1, n1, x2, n2, d):
    """Farrington & Manning's z. statsmodels (0.15) has x2 for n2 in l1 below, and so another interval than the published
    examples: it is not asked."""
    p2 = restricted(x1, n1, x2, n2, d)
    # Miettinen & Nurminen 1985, appendix: the same by trigonometry, with the digits that it has.
    n, x = n1 + n2, x1 + x2
    l2, l1, l0 = (n1 + 2 * n2) * d - n - x, (n2 * d - n - 2 * x2) * d + x, x2 * d * (1 - d)
    q = (l2 / (3 * n)) ** 3 - l1 * l2 / (6 * n**2) + l0 / (2 * n)
    p = (1 if q >= 0 else -1) * np.sqrt(max((l2 / (3 * n)) ** 2 - l1 / (3 * n), 0))
    if abs(p) > 1e-3:
        closed = 2 * p * np.cos((np.pi + np.arccos(np.clip(q / p**3, -1, 1))) / 3) - l2 / (3 * n)
        assert abs(closed - p2) < 1e-6, (x1, n1, x2, n2, d, closed, p2)
    variance = (p2 + d) * (1 - p2 - d) / n1 + p2 * (1 - p2) / n2
    return (x1 / n1 - x2 / n2 - d) / np.sqrt(variance)


def score_interval(x1, n1, x2, n2, z):
    """Miettinen & Nurminen 1985, equations 4 and 8."""
    z *= np.sqrt((n1 + n2) / (n1 + n2 - 1))
    return ends(lambda d: score(x1, n1, x2, n2, d), x1 / n1 - x2 / n2, -1, 1, z)


def independent(case):
    x1, n1, x2, n2, margin = (case[key] for key in ("x1", "n1", "x2", "n2", "margin"))
    alpha = 1 - case["level"]
    diff = lambda method: confint_proportions_2indep(x1, n1, x2, n2, compare="diff", method=method, alpha=alpha)
    found = {"newcombe": diff("newcomb"), "score": score_interval(x1, n1, x2, n2, norm.ppf(1 - alpha / 2))}
    # Where both are 1 the peer's variance is 0, and its interval has no width.
    if x1 and x2 and (x1 < n1 or x2 < n2):
        found["ratio"] = confint_proportions_2indep(x1, n1, x2, n2, compare="ratio", method="log", alpha=alpha)
    if x1 and x2 and x1 < n1 and x2 < n2:
        args = dict(compare="odds-ratio", method="logit", alpha=alpha)
        found["odds"] = confint_proportions_2indep(x1, n1, x2, n2, **args)
    for name, correction in (("fm", 1.0), ("mn", (n1 + n2) / (n1 + n2 - 1))):
        tests = [score(x1, n1, x2, n2, d) / np.sqrt(correction) for d in (-margin, margin)]
        found[name] = [tests[0], norm.sf(tests[0]), tests[1], norm.cdf(tests[1])]
    p2 = restricted(x1, n1, x2, n2, -margin)
    p1 = p2 - margin
    found["squared"] = pearson([x1, n1 - x1], [p1, 1 - p1]) + pearson([x2, n2 - x2], [p2, 1 - p2])
    return found


def newcombe_paired(a, b, c, d, level):
    """Newcombe 1998 (17: 2635), method 10, with the paper's letters: e, f, g, h are our a, b, c, d."""
    n = a + b + c + d
    (l2, u2), (l3, u3) = (proportion_confint(x, n, 1 - level, "wilson") for x in (a + b, a + c))
    margins = float(a + b) * (c + d) * (a + c) * (b + d)
    numerator = a * d - b * c
    phi = 0.0
    if margins:
        phi = (max(numerator - n / 2, 0) if numerator > 0 else numerator) / np.sqrt(margins)
    p2, p3 = (a + b) / n, (a + c) / n
    dl2, du2, dl3, du3 = p2 - l2, u2 - p2, p3 - l3, u3 - p3
    delta = np.sqrt(max(dl2**2 - 2 * phi * dl2 * du3 + du3**2, 0))
    epsilon = np.sqrt(max(du2**2 - 2 * phi * du2 * dl3 + dl3**2, 0))
    return [max(p2 - p3 - delta, -1), min(p2 - p3 + epsilon, 1)]


def tango(b, c, n, d):
    """Tango 1998: p21 is the larger root of A q^2 + B q + C. Returns z and the shares p12, p21, rest."""
    if d < 0:
        z, p12, p21, rest = tango(c, b, n, -d)
        return -z, p21, p12, rest
    A, B, C = 2 * n, -b - c + (2 * n - b + c) * d, -c * d * (1 - d)
    root = np.sqrt(B * B - 4 * A * C)
    q = (root - B) / (2 * A) if B <= 0 else -2 * C / (B + root)
    z = (b - c - n * d) / np.sqrt(n * (2 * q + d * (1 - d)))
    return z, q + d, q, 1 - 2 * q - d


def relative(a, b, c, d, theta):
    """Tang, Tang & Chan 2003: p21 is a root of A2 q^2 + A1 q + A0; p22 is observed. Returns z and the four shares."""
    n = a + b + c + d
    s = (a + b + c) / n
    A2, A1, A0 = n * (1 + theta), (a + c) * theta**2 - (a + b + 2 * c), c * (1 - theta) * s
    root = np.sqrt(max(A1 * A1 - 4 * A2 * A0, 0))
    p21 = (root - A1) / (2 * A2) if A1 <= 0 else -2 * A0 / (A1 + root)
    p12 = (p21 + (theta - 1) * s) / theta
    z = (a + b - theta * (a + c)) / np.sqrt(n * theta * (p12 + p21))
    return z, s - p12 - p21, p12, p21, d / n


def ends(score, value, low, high, z):
    root = lambda target, x, y: brentq(lambda at: score(at) - target, x, y, xtol=1e-15, rtol=1e-14, maxiter=500)
    small = 1e-12 * max(1.0, abs(value))
    lower = low if value <= low else root(z, low + 1e-13, value - small)
    upper = high if value >= high else root(-z, value + small, high - 1e-13)
    return [lower, upper]


def paired(case):
    a, b, c, d, level, margin, least = (case[key] for key in ("a", "b", "c", "d", "level", "margin", "least"))
    n, z = a + b + c + d, norm.ppf(0.5 + level / 2)
    table = [[a, b], [c, d]]
    found = {"exact": float(mcnemar(table, exact=True).pvalue)}
    if b + c:
        tests = [mcnemar(table, exact=False, correction=correction) for correction in (False, True)]
        found["asymptotic"] = [float(x) for test in tests for x in (test.statistic, test.pvalue)]
        # All outcomes of the same probability or less, half of those of the same probability.
        far = abs(np.arange(b + c + 1) * 2 - (b + c))
        mass = binom.pmf(np.arange(b + c + 1), b + c, 0.5)
        here = far == abs(b - c)
        found["mid"] = float(mass[far > abs(b - c)].sum() + mass[here].sum() / 2)
    found["newcombe"] = newcombe_paired(a, b, c, d, level)
    found["tango"] = ends(lambda at: tango(b, c, n, at)[0], (b - c) / n, -1, 1, z)
    at = tango(b, c, n, -margin)
    found["difference"] = [at[0], float(norm.sf(at[0]))]
    found["difference_squared"] = pearson([b, c, n - b - c], at[1:])
    if a + c:
        value = (a + b) / (a + c)
        score = lambda at: relative(a, b, c, d, at)[0]
        found["ratio"] = ends(score, value, 0.0, 1e6, z)
        if min(b, c, d) > 5:
            # Nam 2009: the ends are roots of a polynomial of degree 4, whose roots have about half of the digits.
            theirs = _confint_riskratio_paired_nam(table, 1 - level).confint
            np.testing.assert_allclose(np.real(theirs), found["ratio"], rtol=1e-6)
    if a + b + c:
        at = relative(a, b, c, d, least)
        found["relative"] = [at[0], float(norm.sf(at[0]))]
        found["relative_squared"] = pearson([a, b, c, d], at[1:])
    return found


def rates(case):
    """A rate with weights and clusters is a weighted mean with the cluster sandwich (k / (k - 1))."""
    scores, positive = np.array(case["scores"]), np.array(case["positive"])
    weights, clusters, threshold = np.array(case["weights"]), np.array(case["clusters"]), case["threshold"]
    flagged = scores >= threshold
    tn, fp, fn, tp = metrics.confusion_matrix(positive, flagged, sample_weight=weights, labels=[False, True]).ravel()
    found = {"cells": [tp, fp, tn, fn]}
    found["f1"] = metrics.f1_score(positive, flagged, sample_weight=weights) if tp + fp + fn else None
    if positive.any() and not positive.all():
        found["balanced"] = metrics.balanced_accuracy_score(positive, flagged, sample_weight=weights)
        ratios = metrics.class_likelihood_ratios(positive, flagged, sample_weight=weights, labels=[False, True])
        found["ratios"] = [None if np.isnan(x) else x for x in ratios]
    k = clusters.max() + 1
    found["rates"] = []
    for of, event in (
        (positive, flagged), (~positive, ~flagged), (flagged, positive), (~flagged, ~positive),
        (positive | True, flagged == positive), (positive | True, flagged), (positive | True, flagged & positive),
        (positive | True, positive),
    ):
        if not of.any():
            found["rates"].append(None)
            continue
        y, w, g = event[of].astype(float), weights[of], clusters[of]
        fit = sm.WLS(y, np.ones(len(y)), weights=w).fit()
        sums = np.bincount(g, weights=w * (y - fit.params[0]))
        error = np.sqrt(k / max(k - 1, 1) * (sums**2).sum()) / w.sum()
        if len(set(g)) == k > 1:
            robust = fit.get_robustcov_results("cluster", groups=g)
            assert abs(robust.bse[0] - error) <= 1e-10, (robust.bse[0], error)
        found["rates"].append([fit.params[0], error])
    return found


def thresholds(case):
    """The thresholds by scikit-learn's ROC curve; null is above all scores."""
    scores, positive, target = np.array(case["scores"]), np.array(case["positive"]), case["target"]
    false, true, at = metrics.roc_curve(positive, scores, drop_intermediate=False)
    n1, n0 = positive.sum(), (~positive).sum()
    flagged = np.rint(true * n1 + false * n0) / (n1 + n0)
    specificity = np.rint((1 - false) * n0) / n0
    true = np.rint(true * n1) / n1
    pick = lambda index: None if np.isinf(at[index]) else float(at[index])
    last = lambda reached: pick(np.flatnonzero(reached)[-1])
    youden = np.rint(true * n1) * n0 - np.rint(false * n0) * n1
    return [
        last(specificity >= target), pick(np.flatnonzero(true >= target)[0]), last(flagged <= target),
        pick(int(np.argmax(youden))),
    ]


def bayes(case):
    """Mercaldo, Lau & Zhou 2007, equations for logit PPV and logit NPV, in counts."""
    tp, fn, fp, tn, v, level = (case[key] for key in ("tp", "fn", "fp", "tn", "prevalence", "level"))
    z, se, sp = norm.ppf(0.5 + level / 2), tp / (tp + fn), tn / (tn + fp)
    ppv, npv = se * v / (se * v + (1 - sp) * (1 - v)), sp * (1 - v) / (sp * (1 - v) + (1 - se) * v)
    n1, n0 = tp + fn, tn + fp
    var_ppv, var_npv = (1 - se) / se / n1 + sp / (1 - sp) / n0, se / (1 - se) / n1 + (1 - sp) / sp / n0
    rate = se * v + (1 - sp) * (1 - v)
    var_rate = (v**2 * se * (1 - se) / n1 + (1 - v) ** 2 * sp * (1 - sp) / n0) / (rate * (1 - rate)) ** 2
    interval = lambda p, var: [p] + [1 / (1 + np.exp(-(np.log(p / (1 - p)) + k * np.sqrt(var)))) for k in (-z, z)]
    return [interval(ppv, var_ppv), interval(npv, var_npv), interval(rate, var_rate)]


def benefit(case):
    """Vickers & Elkin 2006, p. 567."""
    p, y, w, t = (np.array(case[key]) for key in ("scores", "positive", "weights", "threshold"))
    n, odds, v = w.sum(), t / (1 - t), case["prevalence"]
    own = (w * y * (p >= t)).sum() / n - (w * ~y * (p >= t)).sum() / n * odds
    stated = np.average(p[y] >= t, weights=w[y]) * v - np.average(p[~y] >= t, weights=w[~y]) * (1 - v) * odds
    share = (w * y).sum() / n
    return [own, share - (1 - share) * odds, own / share, stated, (stated - (v - (1 - v) * odds)) / odds]


def workflow(case):
    """Strategies as boolean algebra over all exams."""
    score, cancer, one, two, by = (np.array(case[key]) for key in ("scores", "cancer", "first", "second", "consensus"))
    ai = score >= case["threshold"]
    double = np.where(one == two, one, by)
    ways = [
        (2, one != two, double),
        (2 * ai, ai & (one != two), ai & double),
        (1, one != ai, np.where(one == ai, one, two)),
        (2, (one != two) | (ai & ~one & ~two), double | (ai & ~one & ~two & cancer)),
        (0, ai & False, ai),
    ]
    count = lambda of: int(np.broadcast_to(of, score.shape).sum())
    return [
        [count(readings), count(arbitrated), count(recall), count(recall & cancer), count(~recall & cancer)]
        for readings, arbitrated, recall in ways
    ]


def heterogeneity(case):
    found = combine_effects(np.array(case["values"]), np.array(case["errors"]) ** 2)
    test = found.test_homogeneity()
    tables = np.array(case["tables"])
    chi = chi2_contingency(np.column_stack([tables[:, 0], tables[:, 1] - tables[:, 0]]), correction=False)
    i2 = max(0.0, 1 - test.df / test.statistic)
    return [test.statistic, test.pvalue, i2, found.mean_effect_fe, found.sd_eff_w_fe, chi.statistic, chi.pvalue]


def separated(design, sign):
    """Albert & Anderson 1984: whether some combination of columns is nowhere on the wrong side and somewhere on the right."""
    signed = design * sign[:, None]
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(sign)), bounds=(-1, 1))
    return bool(-found.fun > 1e-7)


def interaction(case):
    score, factor, y = np.array(case["scores"]), np.array(case["factor"]), np.array(case["positive"])
    level = (factor[:, None] == np.unique(factor)).astype(float)
    ones = np.ones((len(y), 1))
    slopes = level * score[:, None]
    designs = [level, np.column_stack([ones, score]), np.column_stack([level, score]), np.column_stack([level, slopes])]
    if np.linalg.matrix_rank(designs[3]) < designs[3].shape[1]:
        return "collinear"
    if any(separated(design, np.where(y, 1.0, -1.0)) for design in designs):
        return "separated"
    fits = [sm.Logit(y.astype(float), design).fit(disp=0, maxiter=200, method="newton", tol=1e-14) for design in designs]
    a, b, both, full = (fit.llf for fit in fits)
    k = level.shape[1] - 1
    statistics = [(2 * (both - a), 1), (2 * (both - b), k), (2 * (full - both), k)]
    tests = [x for statistic, df in statistics for x in (statistic, chi2.sf(statistic, df))]
    return tests + list(fits[2].params) + list(fits[2].bse)


def multiplicity(case):
    methods = ["bonferroni", "holm", "simes-hochberg", "fdr_bh", "fdr_by"]
    return [list(multipletests(case["p"], method=method)[1]) for method in methods]


def plain(value):
    return value.item() if isinstance(value, np.generic) else list(value)


kinds = [proportion, independent, paired, rates, thresholds, bayes, benefit, workflow, heterogeneity, interaction, multiplicity]
answers = {kind.__name__: kind for kind in kinds}
print(json.dumps([answers[case["kind"]](case) for case in json.load(sys.stdin)], default=plain))
