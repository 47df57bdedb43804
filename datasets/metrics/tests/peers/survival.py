"""Survival by scikit-survival and lifelines; the jackknife of C by its definition."""

import csv
import json
import sys
import warnings

import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.nonparametric import CensoringDistributionEstimator, kaplan_meier_estimator
from sksurv.util import Surv

warnings.simplefilter("ignore")


def jackknife(time, event, risk, clusters):
    """The infinitesimal jackknife of C as a function of weights of clusters: the root of the sum of squared derivatives."""
    first = event[:, None] & ((time[:, None] < time) | ((time[:, None] == time) & ~event))
    score = first * ((risk[:, None] > risk) + 0.5 * (risk[:, None] == risk))
    c, pairs = score.sum() / first.sum(), first.sum()
    step = 1e-30j  # the derivative of a ratio of bilinear forms, by a complex step

    def slope(cluster):
        w = np.ones(len(time), dtype=complex)
        w[clusters == cluster] += step
        return ((w @ score @ w) / (w @ first @ w)).imag / step.imag

    closed = (score.sum(0) + score.sum(1) - c * (first.sum(0) + first.sum(1))) / pairs
    sums = np.bincount(clusters, closed)
    if len(time) <= 120:
        derivatives = np.array([slope(cluster) for cluster in range(len(sums))])
        assert np.allclose(derivatives, sums, rtol=0, atol=1e-13)
    return np.sqrt((sums**2).sum())


def concordances(time, event, risk):
    c, concordant, discordant, tied_risk, tied_time = concordance_index_censored(event, time, risk, tied_tol=0)
    return {
        "c": c,
        "concordant": concordant,
        "discordant": discordant,
        "tied risk": tied_risk,
        "tied time": tied_time,
        "c se": jackknife(time, event, risk, np.arange(len(time))),
        "c clustered se": jackknife(time, event, risk, np.arange(len(time)) // 3),
    }


def simple_auc(time, event, risk, horizon):
    positive = event & (time <= horizon)
    known = positive | (time >= horizon)
    return roc_auc_score(positive[known], risk[known])


def answer(case):
    time, event, risk = np.array(case["time"]), np.array(case["event"]), np.array(case["risk"])
    horizons = np.array(case["horizons"])
    test = Surv.from_arrays(event, time)
    train = Surv.from_arrays(np.array(case["train event"]), np.array(case["train time"]))
    out = concordances(time, event, risk)

    # lifelines treats a censoring at the time of an event in its own way: compared only where there is none.
    if out["tied time"] == 0:
        assert np.isclose(concordance_index(time, -risk, event), out["c"], rtol=1e-12)
    out["uno tau"] = concordance_index_ipcw(train, test, risk, tau=horizons[-1], tied_tol=0)[0]
    out["uno"] = concordance_index_ipcw(train, test, risk, tied_tol=0)[0]

    at, survival, interval = kaplan_meier_estimator(event, time, conf_level=0.9, conf_type="log-log")
    fitter = KaplanMeierFitter(alpha=0.1).fit(time, event)
    for i, t in enumerate(horizons):
        k = np.searchsorted(at, t, side="right") - 1
        out[f"km {i}"] = survival[k]
        if 0 < survival[k] < 1:
            out[f"km lower {i}"], out[f"km upper {i}"] = interval[0, k], interval[1, k]
            theirs = fitter.confidence_interval_.loc[at[k]].to_numpy()
            assert np.allclose(theirs, interval[:, k], rtol=1e-9), (theirs, interval[:, k])
        out[f"simple {i}"] = simple_auc(time, event, risk, t)
    censoring = CensoringDistributionEstimator().fit(train).predict_proba(horizons)
    out |= {f"g {i}": g for i, g in enumerate(censoring)}

    aucs, mean = cumulative_dynamic_auc(train, test, risk, horizons, tied_tol=0)
    out |= {f"auc {i}": auc for i, auc in enumerate(aucs)}
    out["mean auc"] = mean
    # Risks by each horizon: the one risk, raised.
    risks = np.array([1 - (1 - risk) ** (i + 1) for i in range(len(horizons))]).T
    out |= {f"brier {i}": b for i, b in enumerate(brier_score(train, test, 1 - risks, horizons)[1])}
    out["integrated brier"] = integrated_brier_score(train, test, 1 - risks, horizons)

    # Calibration at the middle horizon, in groups of equal mass with ties together.
    group = np.empty(len(time), dtype=int)
    for value in np.unique(risk):
        middle = (risk < value).sum() + (risk == value).sum() / 2
        group[risk == value] = min(int(middle / len(time) * 4), 3)
    for g in np.unique(group):
        own = group == g
        out[f"predicted {g}"] = risk[own].mean()
        fitter = KaplanMeierFitter().fit(time[own], event[own])
        assert time[own].max() >= horizons[1]
        out[f"observed {g}"] = 1 - fitter.predict(horizons[1])
    return {key: float(value) for key, value in out.items()}


def table(path):
    """The demonstration table of risks: C of each year's risk, AUC by each year. Years of 365 days."""
    rows = list(csv.DictReader(open(path)))
    cancer = np.array([float(row["Days_to_Cancer"]) for row in rows])
    seen = np.array([float(row["Days_Followup"]) for row in rows])
    event = cancer >= 0
    time = np.where(event, cancer, seen) / 365
    whole = Surv.from_arrays(event, time)
    out = {}
    for year in range(1, 7):
        risk = np.array([float(row[f"Year{year}"]) for row in rows])
        out |= {f"{key} {year}": value for key, value in concordances(time, event, risk).items()}
        out[f"uno {year}"] = concordance_index_ipcw(whole, whole, risk, tau=6.0, tied_tol=0)[0]
        out[f"auc {year}"] = cumulative_dynamic_auc(whole, whole, risk, [float(year)], tied_tol=0)[0][0]
        out[f"simple {year}"] = simple_auc(time, event, risk, year)
        out[f"brier {year}"] = brier_score(whole, whole, 1 - risk, [float(year)])[1][0]
        # As GeneralEvaluation labels them: in whole years, a negative for year t seen t - 1 of them.
        label = event & (cancer // 365 <= year - 1)
        known = event | (seen // 365 >= year - 1)
        out[f"published {year}"] = roc_auc_score(label[known], risk[known])
    return {key: float(value) for key, value in out.items()}


cases = json.load(sys.stdin)
json.dump(table(cases) if isinstance(cases, str) else [answer(case) for case in cases], sys.stdout)
