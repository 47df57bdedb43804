"""Reader studies by the published formulas, in loops that recompute everything: no package on PyPI has them.

Areas by all pairs; DeLong 1988 equations 5-7 with numpy.cov; Obuchowski 1997 equations 3-6 by clusters; the jackknife by
recomputation; mean squares as differences of residual sums of squares of least squares fits; Gallas 2006 moments
(equations 5-12) by enumeration of all tuples of indices. Hillis 2007 for the degrees of freedom, Hillis, Obuchowski &
Berbaum 2011 for one modality and for a program alone.
"""
import itertools
import json
import sys

import numpy as np
from scipy import stats


def psi(high, low):
    return 1.0 if high > low else 0.5 if high == low else 0.0


def auc(scores, truth):
    pairs = [psi(a, b) for a, t in zip(scores, truth) if t for b, u in zip(scores, truth) if not u]
    return sum(pairs) / len(pairs)


def delong(rows, truth):
    truth = np.array(truth)
    x, y = [], []
    for row in rows:
        table = np.array([[psi(a, b) for b in np.array(row)[~truth]] for a in np.array(row)[truth]])
        x.append(table.mean(axis=1))
        y.append(table.mean(axis=0))
    s10, s01 = np.atleast_2d(np.cov(x)), np.atleast_2d(np.cov(y))
    return s10 / truth.sum() + s01 / (~truth).sum()


def obuchowski(rows, truth, clusters):
    names = sorted(set(clusters))
    positives = [i for i, t in enumerate(truth) if t]
    negatives = [i for i, t in enumerate(truth) if not t]
    m, n = len(positives), len(negatives)
    i10 = len({clusters[i] for i in positives})
    i01 = len({clusters[i] for i in negatives})
    total = len(names)
    sums = []
    for row in rows:
        area = auc(row, truth)
        per = []
        for name in names:
            p = [i for i in positives if clusters[i] == name]
            q = [i for i in negatives if clusters[i] == name]
            x = sum(np.mean([psi(row[i], row[k]) for k in negatives]) for i in p)
            y = sum(np.mean([psi(row[k], row[i]) for k in positives]) for i in q)
            per.append((x - len(p) * area, y - len(q) * area))
        sums.append(per)
    k = len(rows)
    out = np.zeros((k, k))
    for a, b in itertools.product(range(k), repeat=2):
        s10 = i10 / ((i10 - 1) * m) * sum(u[0] * v[0] for u, v in zip(sums[a], sums[b]))
        s01 = i01 / ((i01 - 1) * n) * sum(u[1] * v[1] for u, v in zip(sums[a], sums[b]))
        s11 = total / (total - 1) * sum(u[0] * v[1] for u, v in zip(sums[a], sums[b]))
        s11b = total / (total - 1) * sum(u[1] * v[0] for u, v in zip(sums[a], sums[b]))
        out[a, b] = s10 / m + s01 / n + (s11 + s11b) / (m * n)
    return out


def jackknife(rows, truth, clusters):
    names = list(dict.fromkeys(clusters))
    left = []
    for name in names:
        keep = [i for i, c in enumerate(clusters) if c != name]
        left.append([auc([row[i] for i in keep], [truth[i] for i in keep]) for row in rows])
    return np.array(left)


def hillis(a, b, df):
    """a + b with a's degrees of freedom df, b's infinite."""
    return (a + b, (a + b) ** 2 / (a * a / df) if a > 0 else np.inf)


def summary(value, variance, df, margin=None):
    se = np.sqrt(max(variance, 0.0))
    half = (stats.norm.ppf(0.975) if np.isinf(df) else stats.t.ppf(0.975, df)) * se
    t = value / se if se > 0 else None
    p = None if t is None else 2 * (stats.norm.sf(abs(t)) if np.isinf(df) else stats.t.sf(abs(t), df))
    out = dict(value=value, se=se, df=None if np.isinf(df) else df, lower=value - half, upper=value + half, p=p)
    if margin is not None and se > 0:
        u = (value + margin) / se
        out["non_inferior"] = stats.norm.sf(u) if np.isinf(df) else stats.t.sf(u, df)
    return out


def tested(t, noise, numerator, df):
    if noise < 1e-18:
        return dict(f=None, p=None)
    p = stats.chi2.sf(numerator * t / noise, numerator) if np.isinf(df) else stats.f.sf(t / noise, numerator, df)
    return dict(f=t / noise, p=p)


def mean_covariance(c, modalities, readers, same_i, same_j):
    found = [
        c[i * readers + j, k * readers + l]
        for i in range(modalities) for j in range(readers) for k in range(modalities) for l in range(readers)
        if (i == k) == same_i and (j == l) == same_j
    ]
    return float(np.mean(found)) if found else None


def single(values, c, margin=None):
    r = len(values)
    var = float(np.mean(np.diag(c)))
    cov2 = float(np.mean([c[a, b] for a in range(r) for b in range(r) if a != b])) if r > 1 else 0.0
    value = float(np.mean(values))
    out = {"Cases": summary(value, (var + (r - 1) * max(cov2, 0)) / r, np.inf, margin)}
    if r > 1:
        ms = float(np.var(values, ddof=1))
        total, df = hillis(ms, r * max(cov2, 0), r - 1)
        out["ReadersAndCases"] = summary(value, total / r, df, margin)
        out["Readers"] = summary(value, ms / r, r - 1, margin)
    return out


def obuchowski_rockette(theta, c):
    i, j = theta.shape
    out = {"modalities": [single(theta[a], c[a * j:(a + 1) * j, a * j:(a + 1) * j]) for a in range(i)]}
    if i < 2:
        return out
    cov1 = mean_covariance(c, i, j, False, True)
    cov2 = mean_covariance(c, i, j, True, False) or 0.0
    cov3 = mean_covariance(c, i, j, False, False) or 0.0
    var = float(np.mean(np.diag(c)))
    ms_t = j * float(np.var(theta.mean(axis=1), ddof=1))
    analyses = {"Cases": (var - cov1 + (j - 1) * max(cov2 - cov3, 0), np.inf)}
    if j > 1:
        rest = theta - theta.mean(axis=1, keepdims=True) - theta.mean(axis=0, keepdims=True) + theta.mean()
        df = (i - 1) * (j - 1)
        ms_tr = float((rest ** 2).sum()) / df
        analyses["ReadersAndCases"] = hillis(ms_tr, j * max(cov2 - cov3, 0), df)
        analyses["Readers"] = (ms_tr, df)
    for name, (noise, df) in analyses.items():
        out[name] = dict(**tested(ms_t, noise, i - 1, df), difference=summary(theta[0].mean() - theta[1].mean(), 2 / j * noise, df))
    return out


def dbm(whole, left, i, j):
    n = len(left)
    y = n * whole[None, :] - (n - 1) * left
    y = (y - y.mean(axis=0) + whole).T.reshape(i, j, n)

    def rss(*effects):
        """Residual sum of squares of the model with these effects (tuples of axes), by least squares."""
        columns = []
        for effect in effects:
            for level in itertools.product(*[range(y.shape[axis]) for axis in effect]):
                mask = np.zeros(y.shape)
                index = [slice(None)] * 3
                for axis, value in zip(effect, level):
                    index[axis] = value
                mask[tuple(index)] = 1
                columns.append(mask.ravel())
        x = np.array(columns).T
        fit = x @ np.linalg.lstsq(x, y.ravel(), rcond=None)[0]
        return float(((y.ravel() - fit) ** 2).sum())

    main = [(0,), (1,), (2,)]
    t = (rss((1,), (2,)) - rss(*main)) / (i - 1)
    tr = (rss(*main) - rss(*main, (0, 1))) / ((i - 1) * (j - 1))
    tc = (rss(*main) - rss(*main, (0, 2))) / ((i - 1) * (n - 1))
    trc = rss((0, 1), (0, 2), (1, 2)) / ((i - 1) * (j - 1) * (n - 1))
    out = {}
    noise, df = hillis(tr, max(tc - trc, 0), (i - 1) * (j - 1))
    analyses = {"ReadersAndCases": (noise, df), "Cases": (tc, (i - 1) * (n - 1)), "Readers": (tr, (i - 1) * (j - 1))}
    for name, (noise, df) in analyses.items():
        difference = summary(whole.reshape(i, j).mean(axis=1)[0] - whole.reshape(i, j).mean(axis=1)[1],
                             2 / (n * j) * noise, df)
        out[name] = dict(**tested(t, noise, i - 1, df), difference=difference)
    return out


def moments(scores, truth, one, other):
    """Gallas 2006: means over all tuples of distinct indices, then the coefficients."""
    s0, s1 = np.array(scores[one]), np.array(scores[other]) if other is not None else None
    pos = [k for k, t in enumerate(truth) if t]
    neg = [k for k, t in enumerate(truth) if not t]
    r = s0.shape[0]

    def s(i, j, reader):
        value = psi(s0[reader][pos[j]], s0[reader][neg[i]])
        return value - psi(s1[reader][pos[j]], s1[reader][neg[i]]) if s1 is not None else value

    n, m = len(neg), len(pos)
    found = [[] for _ in range(8)]
    for i, k in itertools.product(range(n), repeat=2):
        for j, l in itertools.product(range(m), repeat=2):
            for a, b in itertools.product(range(r), repeat=2):
                kind = (i != k) + 2 * (j != l) + 4 * (a != b)
                found[kind].append(s(i, j, a) * s(k, l, b))
    big = [float(np.mean(x)) for x in found]
    c = 1 / (n * m * r)
    coefficients = []
    for factor in (1, r - 1):
        coefficients += [c * factor, c * factor * (n - 1), c * factor * (m - 1), c * factor * (n - 1) * (m - 1)]
    variance = sum(a * b for a, b in zip(coefficients, big)) - big[7]
    value = float(np.mean([s(i, j, a) for i in range(n) for j in range(m) for a in range(r)]))
    return dict(value=value, variance=variance, moments=big)


def answer(case):
    scores, truth = case["scores"], case["truth"]
    i, j = len(scores), len(scores[0])
    rows = [row for modality in scores for row in modality]
    clusters = case["clusters"] or list(range(len(truth)))
    theta = np.array([auc(row, truth) for row in rows])
    analytic = obuchowski(rows, truth, clusters) if case["clusters"] else delong(rows, truth)
    left = jackknife(rows, truth, clusters)
    n = len(left)
    resampled = (n - 1) / n * (left - left.mean(axis=0)).T @ (left - left.mean(axis=0))
    table = theta.reshape(i, j)
    out = dict(
        values=theta.tolist(), delong=analytic.ravel().tolist(), jackknife=resampled.ravel().tolist(),
        by_delong=obuchowski_rockette(table, analytic), by_jackknife=obuchowski_rockette(table, resampled),
    )
    if i > 1 and j > 1:
        out["dbm"] = dbm(theta, left, i, j)
    if case["moments"]:
        out["u"] = [moments(scores, truth, 0, None), moments(scores, truth, 0, 1)]
    if j > 1:
        # The first modality's last reader is taken as the program.
        c = analytic[:j, :j]
        own, others = table[0][-1], table[0][:-1]
        contrast = np.hstack([-np.eye(j - 1), np.ones((j - 1, 1))])
        out["against"] = single(own - others, contrast @ c @ contrast.T, margin=0.05)
    return out


print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
