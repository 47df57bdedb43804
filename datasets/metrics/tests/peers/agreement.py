"""Agreement by scikit-learn and statsmodels, and where they have nothing by the published formulas in another form.

Kappa: scikit-learn and statsmodels. Fleiss' kappa: statsmodels; its null standard error by Fleiss, Nee & Landis 1979
equation 12, the jackknife by recomputation. AC1: the delta method by complex steps. Intraclass correlations: mean squares
by statsmodels' analysis of variance, ICC(1) and ICC(3) intervals by solving for the correlation whose F has the tail,
ICC(2) by McGraw & Wong 1996 table 7; pingouin too where it is installed. Lin: the delta method on a normal distribution's
moments by complex steps, with n - 2 for n.
"""
import json
import sys

import numpy as np
import pandas as pd
from scipy import optimize, stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

try:
    import pingouin
except ImportError:
    pingouin = None

STEP = 1e-30


def gradient(f, x):
    x = np.array(x, dtype=complex)
    out = []
    for k in range(len(x)):
        moved = x.copy()
        moved[k] += 1j * STEP
        out.append(f(moved).imag / STEP)
    return np.array(out)


def kappas(case):
    a, b, k = np.array(case["one"]), np.array(case["other"]), case["categories"]
    table = np.zeros((k, k))
    for i, j in zip(a, b):
        table[i, j] += 1
    n = table.sum()
    out = dict(cohen=[])
    for name in (None, "linear", "quadratic"):
        if (np.diag(table) == n).any():
            out["cohen"].append(None)
            continue
        theirs = cohens_kappa(table, wt=name)
        value = cohen_kappa_score(a, b, labels=list(range(k)), weights=name)
        assert abs(value - theirs.kappa) < 1e-12
        se = float(np.sqrt(max(theirs.var_kappa, 0)))
        out["cohen"].append([float(value), se, float(np.sqrt(max(theirs.var_kappa0, 0)))])
    p = table.ravel() / n

    def ac1(q):
        q = q.reshape(k, k) / q.sum()
        share = (q.sum(axis=0) + q.sum(axis=1)) / 2
        chance = (share * (1 - share)).sum() / (k - 1)
        return (np.trace(q) - chance) / (1 - chance)

    def uniform(q):
        q = q.reshape(k, k) / q.sum()
        return (np.trace(q) - 1 / k) / (1 - 1 / k)

    for name, f in (("gwet", ac1), ("uniform", uniform)):
        g = gradient(f, p)
        covariance = (np.diag(p) - np.outer(p, p)) / n
        out[name] = [float(f(p.astype(complex)).real), float(g @ covariance @ g)]
    return out


def fleiss(rows):
    table = np.array(rows, dtype=float)
    n_subjects, n = table.shape[0], table[0].sum()

    def degenerate(t):
        return (t.sum(axis=0) == t.sum()).any()

    left = [np.delete(table, i, axis=0) for i in range(n_subjects)]
    if degenerate(table) or any(degenerate(t) for t in left):
        return None
    values = np.array([fleiss_kappa(t, method="fleiss") for t in left])
    p = table.sum(axis=0) / table.sum()
    q = 1 - p
    null = np.sqrt(2) / (np.sum(p * q) * np.sqrt(n_subjects * n * (n - 1))) * np.sqrt(
        np.sum(p * q) ** 2 - np.sum(p * q * (q - p))
    )
    jackknife = (n_subjects - 1) / n_subjects * ((values - values.mean()) ** 2).sum()
    return [float(fleiss_kappa(table, method="fleiss")), float(jackknife), float(null)]


def alpha(rows, level):
    """Krippendorff 2011 over all pairs, the ordinal metric by counts between two values."""
    rows = [[v for v in row if v is not None] for row in rows]
    rows = [row for row in rows if len(row) > 1]
    values = [v for row in rows for v in row]
    n = len(values)

    def delta(a, b):
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        between = sum(low <= v <= high for v in values)
        return (between - (values.count(a) + values.count(b)) / 2) ** 2 if a != b else 0.0

    def pairs_of(x):
        return sum(delta(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j)

    expected = pairs_of(values) / (n * (n - 1)) if n > 1 else 0
    if expected == 0:
        return None
    return 1 - sum(pairs_of(row) / (len(row) - 1) for row in rows) / n / expected


def alphas(rows):
    kept = [row for row in rows if sum(v is not None for v in row) > 1]
    out = []
    for level in ("nominal", "ordinal", "interval"):
        left = [alpha(kept[:i] + kept[i + 1:], level) for i in range(len(kept))]
        if len(kept) < 2 or None in left or alpha(rows, level) is None:
            out.append(None)
            continue
        n = len(left)
        out.append([alpha(rows, level), (n - 1) / n * sum((v - np.mean(left)) ** 2 for v in left)])
    return out


def icc(rows):
    x = np.array(rows)
    n, k = x.shape
    frame = pd.DataFrame(
        dict(y=x.ravel(), subject=np.repeat(np.arange(n), k), rater=np.tile(np.arange(k), n))
    )
    one = anova_lm(ols("y ~ C(subject)", frame).fit())["mean_sq"]
    two = anova_lm(ols("y ~ C(subject) + C(rater)", frame).fit())["mean_sq"]
    msr, msw, msc, mse = one.iloc[0], one.iloc[1], two.iloc[1], two.iloc[2]

    def by_f(noise, df):
        # The correlation at which the observed F has a tail of 2.5 %: E(MSR) / E(noise) = (1 + (k-1) r) / (1 - r).
        f = msr / noise

        def at(r, tail):
            return stats.f.cdf(f * (1 - r) / (1 + (k - 1) * r), n - 1, df) - tail

        low, high = -1 / (k - 1) + 1e-13, 1 - 1e-13
        ends = [optimize.brentq(at, low, high, args=(tail,), xtol=1e-15, rtol=1e-14) for tail in (0.975, 0.025)]
        return [(msr - noise) / (msr + (k - 1) * noise), *ends, f, stats.f.sf(f, n - 1, df)]

    def agreement():
        r = (msr - mse) / (msr + (k - 1) * mse + k / n * (msc - mse))
        a, b = k * r / (n * (1 - r)), 1 + k * r * (n - 1) / (n * (1 - r))
        v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
        f1, f2 = stats.f.ppf(0.975, n - 1, v), stats.f.ppf(0.975, v, n - 1)
        rest = k * msc + (k * n - k - n) * mse
        lower = n * (msr - f1 * mse) / (f1 * rest + n * msr)
        upper = n * (f2 * msr - mse) / (rest + n * f2 * msr)
        return [r, lower, upper, msr / mse, stats.f.sf(msr / mse, n - 1, (n - 1) * (k - 1))]

    single = [by_f(msw, n * (k - 1)), agreement(), by_f(mse, (n - 1) * (k - 1))]
    direct = [(msr - msw) / msr, (msr - mse) / (msr + (msc - mse) / n), (msr - mse) / msr]
    average = []
    for row, value in zip(single, direct):
        # A correlation of -1 / (k - 1) or less (ICC(2) alone has them) is none of any mean of k.
        defined = all(1 + (k - 1) * r > 1e-12 for r in row[:3])
        average.append([k * r / (1 + (k - 1) * r) for r in row[:3]] + row[3:] if defined else None)
        assert not defined or abs(average[-1][0] - value) < 1e-9 * max(1, abs(value))
    if pingouin is not None and n >= 5:
        theirs = pingouin.intraclass_corr(frame, targets="subject", raters="rater", ratings="y")
        ours = single + average
        for row, (_, peer) in zip(ours, theirs.iterrows()):
            if row is None:
                continue
            assert np.allclose([row[0], row[3], row[4]], [peer["ICC"], peer["F"], peer["pval"]], rtol=1e-9, atol=1e-9)
            interval = peer["CI95"] if "CI95" in peer else peer["CI95%"]
            assert np.allclose(row[1:3], interval, atol=0.006), (row, peer)
    return [row and [float(v) for v in row] for row in single + average]


def pairs(case):
    a, b = np.array(case["one"]), np.array(case["other"])
    n = len(a)
    d = stats.describe(a - b)
    mean, sd = d.mean, np.sqrt(d.variance)
    z, t = stats.norm.ppf(0.975), stats.t.ppf(0.95, n - 1)
    out = dict(bias=[mean, *stats.t.interval(0.9, n - 1, mean, sd / np.sqrt(n))], sd=sd)
    se = np.sqrt(sd**2 / n + z**2 * sd**2 / (2 * (n - 1)))
    out["lower"] = [mean - z * sd, mean - z * sd - t * se, mean - z * sd + t * se]
    out["upper"] = [mean + z * sd, mean + z * sd - t * se, mean + z * sd + t * se]

    def ccc(m):
        return 2 * m[3] / (m[1] + m[2] + m[0] ** 2)

    sxx, syy, sxy = np.var(a), np.var(b), np.cov(a, b, ddof=0)[0, 1]
    moments = [a.mean() - b.mean(), sxx, syy, sxy]
    covariance = np.zeros((4, 4))
    covariance[0, 0] = sxx + syy - 2 * sxy
    covariance[1:, 1:] = [
        [2 * sxx**2, 2 * sxy**2, 2 * sxx * sxy],
        [2 * sxy**2, 2 * syy**2, 2 * syy * sxy],
        [2 * sxx * sxy, 2 * syy * sxy, sxx * syy + sxy**2],
    ]
    g = gradient(ccc, moments)
    value = ccc(moments)
    half = z * np.sqrt(g @ covariance @ g / (n - 2)) / (1 - value**2)
    out["lin"] = [value, np.tanh(np.arctanh(value) - half), np.tanh(np.arctanh(value) + half)]
    return {key: [float(v) for v in np.atleast_1d(value)] for key, value in out.items()}


asked = json.load(sys.stdin)
print(json.dumps(dict(
    kappas=[kappas(case) for case in asked["kappas"]],
    fleiss=[fleiss(rows) for rows in asked["fleiss"]],
    alpha=[alphas(rows) for rows in asked["alpha"]],
    icc=[icc(rows) for rows in asked["icc"]],
    pairs=[pairs(case) for case in asked["pairs"]],
)))
