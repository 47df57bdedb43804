"""Localisation by the definitions, in loops over all pairs and all thresholds: no package on PyPI has them.

Hits by hand; FROC (Chakraborty & Winter 1990) at each threshold by counting; AFROC areas as means over pairs (Chakraborty &
Berbaum 2004, weights: Chakraborty & Zhai 2016) and again as trapezoids under the curve to (1, 1); LROC (Swensson 1996) over
pairs; the jackknife by recomputation. Polygons by winding of the angles, not by rays.
"""
import json
import math
import sys

import numpy as np

MINUS = float("-inf")
RATES = [0.125, 0.25, 0.5, 1, 2, 4, 8]


def psi(x, y):
    return 1.0 if y > x else 0.5 if y == x else 0.0


def scores(case):
    return [MINUS if s is None else s for s in case["lesions"]]


def rating(case):
    return max(case["false_marks"], default=MINUS)


def thresholds(cases):
    found = {s for c in cases for s in c["false_marks"]} | {s for c in cases for s in c["lesions"] if s is not None}
    return sorted(found, reverse=True)


def froc(cases, by_case, normal):
    counted = [c for c in cases if not normal or not c["lesions"]]
    images = sum(c["images"] for c in counted)
    lesions = [c for c in cases if c["lesions"]]
    wanted = len(lesions) if by_case else sum(len(c["lesions"]) for c in lesions)
    if images == 0 or wanted == 0:
        return None
    points = []
    for t in thresholds(cases):
        false = sum(1 for c in counted for s in c["false_marks"] if s >= t)
        hit = [[s >= t for s in scores(c)] for c in lesions]
        true = sum(any(h) for h in hit) if by_case else sum(sum(h) for h in hit)
        points.append((t, false / images, true / wanted))
    return points


def sensitivity(points, rate):
    return None if points is None else max([p[2] for p in points if p[1] <= rate], default=0.0)


def cpm(points):
    return None if points is None else float(np.mean([sensitivity(points, rate) for rate in RATES]))


def weights(case, weighted):
    n = len(case["lesions"])
    return (case["weights"] or [1 / max(n, 1)] * n) if weighted else [1.0] * n


def afroc(cases, every, weighted):
    false = [rating(c) for c in cases if every or not c["lesions"]]
    true = [(w, s) for c in cases for w, s in zip(weights(c, weighted), scores(c))]
    if not false or not true:
        return None
    area = sum(w * psi(x, y) for x in false for w, y in true) / (len(false) * sum(w for w, _ in true))
    # The same as an area: trapezoids between thresholds, then straight to (1, 1).
    xs, ys = [0.0], [0.0]
    for t in thresholds(cases):
        xs.append(sum(x >= t for x in false) / len(false))
        ys.append(sum(w for w, y in true if y >= t) / sum(w for w, _ in true))
    xs, ys = xs + [1.0], ys + [1.0]
    trapezoids = sum((b - a) * (u + v) / 2 for a, b, u, v in zip(xs, xs[1:], ys, ys[1:]))
    assert abs(area - trapezoids) < 1e-12, (area, trapezoids)
    return area


def lroc(cases):
    normal = [rating(c) for c in cases if not c["lesions"]]
    lesions = [c for c in cases if c["lesions"]]
    if not normal or not lesions or any(len(c["lesions"]) > 1 for c in lesions):
        return None
    total = 0.0
    for c in lesions:
        s = scores(c)[0]
        right = s > rating(c)
        total += sum(psi(x, s) for x in normal) if right else 0.0
    return total / (len(normal) * len(lesions))


def merits(cases):
    lesions, normal = froc(cases, False, False), froc(cases, True, True)
    return [
        afroc(cases, False, False), afroc(cases, True, False), afroc(cases, False, True), afroc(cases, True, True),
        lroc(cases), sensitivity(lesions, 0.5), sensitivity(normal, 0.3), cpm(lesions), cpm(normal),
    ]


def estimates(both, clusters):
    """For each merit: value of each model, standard error of each and of the difference, by the jackknife over clusters."""
    names = list(dict.fromkeys(clusters))
    whole = [merits(cases) for cases in both]
    left = [[merits([c for c, k in zip(cases, clusters) if k != name]) for name in names] for cases in both]
    out = []
    for m in range(len(whole[0])):
        values = [w[m] for w in whole]
        columns = [[row[m] for row in model] for model in left]
        if any(v is None for v in values) or any(v is None for column in columns for v in column):
            out.append(dict(values=values, errors=None))
            continue
        n = len(names)

        def error(x):
            x = np.array(x)
            return float(np.sqrt((n - 1) / n * ((x - x.mean()) ** 2).sum()))

        errors = [error(columns[0]), error(columns[1]), error(np.array(columns[0]) - np.array(columns[1]))]
        out.append(dict(values=values, errors=errors))
    return out


def winding(corners, point):
    total = 0.0
    for a, b in zip(corners, corners[1:] + corners[:1]):
        u = (a[0] - point[0], a[1] - point[1])
        v = (b[0] - point[0], b[1] - point[1])
        total += math.atan2(u[0] * v[1] - u[1] * v[0], u[0] * v[0] + u[1] * v[1])
    return abs(total) > math.pi


def raster(corners, width, height):
    return {(x, y) for x in range(width) for y in range(height) if winding(corners, (x + 0.5, y + 0.5))}


def shapes(case):
    width, height = case["width"], case["height"]
    sets = [raster([tuple(p) for p in corners], width, height) for corners in case["polygons"]]
    union = sets[0] | sets[1]
    boxes = [
        {(x, y) for x in range(int(b[0]), int(b[2])) for y in range(int(b[1]), int(b[3]))} for b in case["boxes"]
    ]
    return dict(
        pixels=[len(s) for s in sets],
        mask=len(sets[0] & sets[1]) / len(union) if union else None,
        box=len(boxes[0] & boxes[1]) / len(boxes[0] | boxes[1]),
    )


def curves(cases):
    return dict(lesions=froc(cases, False, False), cases=froc(cases, True, True))


asked = json.load(sys.stdin)
print(json.dumps(dict(
    studies=[dict(estimates=estimates(s["models"], s["clusters"]), curves=curves(s["models"][0])) for s in asked["studies"]],
    shapes=[shapes(s) for s in asked["shapes"]],
)))
