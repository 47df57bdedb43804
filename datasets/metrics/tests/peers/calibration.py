"""Calibration by scikit-learn, statsmodels and scipy; what has no package here, by the papers' formulas."""

import json
import sys
import warnings

import numpy as np
import statsmodels.api as sm
from scipy import optimize, stats
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss
from statsmodels.stats.proportion import proportion_confint

warnings.simplefilter("ignore")


def logit(p):
    return np.log(p / (1 - p))


def glm(x, y, w, offset=None):
    model = sm.GLM(y, x, family=sm.families.Binomial(), freq_weights=w, offset=offset)
    return model.fit(tol=1e-15, tol_criterion="params", maxiter=200)


def sandwich(x, y, w, groups, params, offset):
    """Liang & Zeger 1986, times G / (G - 1)."""
    mu = 1 / (1 + np.exp(-(x @ params + offset)))
    bread = np.linalg.inv((x * (w * mu * (1 - mu))[:, None]).T @ x)
    scores = x * (w * (y - mu))[:, None]
    sums = np.array([scores[groups == g].sum(axis=0) for g in np.unique(groups[w > 0])])
    return len(sums) / (len(sums) - 1) * bread @ (sums.T @ sums) @ bread


def mean_error(v, w, groups):
    """The linearised standard error of a weighted mean over clusters (Cochran 1977)."""
    u = w * (v - np.average(v, weights=w)) / w.sum()
    sums = np.array([u[groups == g].sum() for g in np.unique(groups[w > 0])])
    return np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum())


def equal_mass(p, w, count):
    bins = np.empty(len(p), dtype=int)
    for value in np.unique(p):
        middle = w[p < value].sum() + w[p == value].sum() / 2
        bins[p == value] = min(int(middle / w.sum() * count), count - 1)
    return bins


def binned(p, y, w, bins):
    rows = []
    for b in np.unique(bins):
        own = bins == b
        if w[own].sum() > 0:
            rows.append((w[own].sum(), np.average(p[own], weights=w[own]), np.average(y[own], weights=w[own])))
    return np.array(rows).T


def beta(p, y, w):
    one, low, high = np.ones_like(p), np.log(p), -np.log(1 - p)
    free = glm(np.column_stack([one, low, high]), y, w).params
    if min(free[1:]) >= 0:
        found = (free[1], free[2], free[0])
    else:
        left, right = glm(np.column_stack([one, low]), y, w), glm(np.column_stack([one, high]), y, w)
        edges = [(left.llf, left.params[1], 0.0, left.params[0]), (right.llf, 0.0, right.params[1], right.params[0])]
        found = max(e for e in edges if min(e[1:3]) >= 0)[1:]

    def loss(abc):
        eta = abc[2] + abc[0] * low + abc[1] * high
        return (w * (np.logaddexp(0, eta) - y * eta)).sum()

    other = optimize.minimize(loss, [1, 1, 0], bounds=[(0, None), (0, None), (None, None)])
    assert loss(found) <= other.fun + 1e-9, (loss(found), other.fun)
    return found


def answer(case):
    p, y = np.array(case["p"]), np.array(case["y"], dtype=float)
    n = len(p)
    w = np.array(case["w"]) if case["w"] else np.ones(n)
    groups = np.array(case["clusters"]) if case["clusters"] else np.arange(n)
    plain = not case["w"] and not case["clusters"]
    x = np.column_stack([np.ones(n), logit(p)])
    out = {}

    fit = glm(x, y, w)
    cov = fit.cov_params()
    out["cox intercept"], out["cox slope"] = fit.params
    out["cox intercept se"], out["cox slope se"] = np.sqrt(np.diag(cov))
    out["cox covariance"] = cov[0, 1]
    robust = sandwich(x, y, w, groups, fit.params, 0)
    if not case["w"]:
        theirs = sm.Logit(y, x).fit(
            disp=0, tol=1e-14, cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
        )
        g = len(np.unique(groups))
        assert np.allclose(theirs.cov_params() * g / (g - 1), robust, rtol=1e-8, atol=0)
    out["cox intercept sandwich"], out["cox slope sandwich"] = np.sqrt(np.diag(robust))
    large = glm(x[:, :1], y, w, logit(p))
    out["large"], out["large se"] = large.params[0], large.bse[0]
    out["large sandwich"] = np.sqrt(sandwich(x[:, :1], y, w, groups, large.params, logit(p))[0, 0])

    observed, expected = (w * y).sum(), (w * p).sum()
    out["oe"] = observed / expected
    half = stats.norm.ppf(0.95) * mean_error(y, w, groups) / np.average(y, weights=w)
    out["oe lower"], out["oe upper"] = out["oe"] * np.exp(-half), out["oe"] * np.exp(half)
    if plain:
        # Debray et al. 2017: the variance of ln(O/E) is (1 - o) / O.
        debray = np.sqrt((1 - y.mean()) / y.sum() * n / (n - 1))
        assert np.isclose(debray, half / stats.norm.ppf(0.95), rtol=1e-12)
        out["poisson lower"] = stats.chi2.ppf(0.05, 2 * observed) / 2 / expected
        out["poisson upper"] = stats.chi2.ppf(0.95, 2 * observed + 2) / 2 / expected

    out["brier"] = brier_score_loss(y, p, sample_weight=w)
    out["brier se"] = mean_error((p - y) ** 2, w, groups)
    if plain:
        assert np.isclose(out["brier se"], stats.sem((p - y) ** 2), rtol=1e-12)
    share = np.average(y, weights=w)
    out["scaled brier"] = 1 - out["brier"] / (share * (1 - share))
    out["log loss"] = log_loss(y, p, sample_weight=w)
    out["log loss se"] = mean_error(-np.where(y == 1, np.log(p), np.log(1 - p)), w, groups)
    # Spiegelhalter 1986.
    out["spiegelhalter"] = (w * (y - p) * (1 - 2 * p)).sum() / np.sqrt((w**2 * (1 - 2 * p) ** 2 * p * (1 - p)).sum())
    out["spiegelhalter p"] = 2 * stats.norm.sf(abs(out["spiegelhalter"]))

    for name, bins in [
        ("width", np.clip(np.ceil(p * 7).astype(int) - 1, 0, 6)),
        ("mass", equal_mass(p, w, 7)),
    ]:
        mass, predicted, seen = binned(p, y, w, bins)
        gaps = np.abs(predicted - seen)
        out[f"ece {name}"] = np.average(gaps, weights=mass)
        out[f"mce {name}"] = gaps.max()
        out[f"reliability {name}"] = np.average(gaps**2, weights=mass)
        out[f"resolution {name}"] = np.average((seen - share) ** 2, weights=mass)
        # Stephenson et al. 2008: the variance within bins, less twice the covariance.
        within = 0.0
        for b in np.unique(bins):
            own = bins == b
            if w[own].sum() > 0:
                dp = p[own] - np.average(p[own], weights=w[own])
                dy = y[own] - np.average(y[own], weights=w[own])
                within += (w[own] * (dp**2 - 2 * dp * dy)).sum() / w.sum()
        out[f"within {name}"] = within
        if name == "width" and not case["w"]:
            theirs = calibration_curve(y, p, n_bins=7)
            assert np.allclose(theirs, [seen, predicted], rtol=1e-12)
        if name == "mass" and not case["w"] and n % 7 == 0 and len(np.unique(p)) == n:
            theirs = calibration_curve(y, p, n_bins=7, strategy="quantile")
            assert np.allclose(theirs, [seen, predicted], rtol=1e-12)
        if name == "mass":
            # Hosmer, Lemeshow & Sturdivant 2013, chapter 5.
            statistic = ((mass * seen - mass * predicted) ** 2 / (mass * predicted * (1 - predicted))).sum()
            out["hosmer"], out["hosmer p"] = statistic, stats.chi2.sf(statistic, len(mass))
        if not case["w"]:
            lower, upper = proportion_confint(mass * seen, mass, method="wilson")
            out[f"wilson lower {name}"], out[f"wilson upper {name}"] = lower.sum(), upper.sum()

    out["logistic at"] = 1 / (1 + np.exp(-(fit.params[0] + fit.params[1] * logit(0.3))))
    positive, negative = (w * y).sum(), (w * (1 - y)).sum()
    targets = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    out["platt intercept"], out["platt slope"] = glm(np.column_stack([np.ones(n), p]), targets, w).params
    out["temperature"] = glm(x[:, 1:], y, w).params[0]
    out["beta a"], out["beta b"], out["beta c"] = beta(p, y, w)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(p, y, sample_weight=w)
    for i, at in enumerate(np.linspace(0.01, 0.99, 37)):
        out[f"isotonic {i}"] = isotonic.predict([at])[0]

    folds = np.array(case["folds"])
    for fold in np.unique(folds):
        inside = folds == fold
        params = glm(x[~inside], y[~inside], w[~inside]).params
        for row in np.flatnonzero(inside):
            out[f"cross {row}"] = 1 / (1 + np.exp(-(x[row] @ params)))
    return {key: float(value) for key, value in out.items()}


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
