#!/usr/bin/python3
"""Curves over scores, thresholds, temperatures and calibration errors: decisions.json.

    /usr/bin/python3 test/parity/make/decisions.py       # Debian 12: apt-get install python3-sklearn (1.2.1)
"""
import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics import average_precision_score, fbeta_score, precision_recall_curve, roc_auc_score, roc_curve

rng = np.random.default_rng(7)


def scored(count, step):
    labels = rng.integers(0, 2, count)
    # Multiples of a step, so that there are equal ones.
    return np.round((labels + rng.normal(size=count)) / step) * step, labels


def curves(count, step):
    scores, labels = scored(count, step)
    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    precision, recall, at = precision_recall_curve(labels, scores)
    best = {beta: max(fbeta_score(labels, scores >= t, beta=beta) for t in np.unique(scores)) for beta in (0.5, 1, 2)}
    costs = min((3 * np.sum((scores >= t) & (labels == 0)) + np.sum((scores < t) & (labels == 1))) / count for t in [*np.unique(scores), np.inf])
    return {
        "scores": scores.tolist(), "labels": labels.tolist(),
        # The first threshold, above all scores, is Infinity in later versions.
        "roc": {"falsePositiveRate": fpr.tolist(), "truePositiveRate": tpr.tolist(), "thresholds": thresholds[1:].tolist(), "area": roc_auc_score(labels, scores)},
        "precisionRecall": {"precision": precision[:-1][::-1].tolist(), "recall": recall[:-1][::-1].tolist(), "thresholds": at[::-1].tolist(), "averagePrecision": average_precision_score(labels, scores)},
        "fBeta": [[beta, value] for beta, value in best.items()], "cost": float(costs),
    }


def calibration_error(probabilities, hits, bins):
    """Guo et al., equation 3: bins ((m-1)/M, m/M]."""
    edges = np.linspace(0, 1, bins + 1)
    error = 0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (probabilities > low) & (probabilities <= high)
        if inside.any():
            error += inside.mean() * abs(hits[inside].mean() - probabilities[inside].mean())
    return float(error)


def temperatures(count, classes, scale):
    labels = rng.integers(0, classes, count)
    logits = np.round(scale * (np.eye(classes)[labels] + rng.normal(size=(count, classes))) * 1024) / 1024
    loss = lambda inverse: float(-log_softmax(logits * inverse, axis=1)[np.arange(count), labels].mean())
    best = minimize_scalar(lambda x: loss(np.exp(x)), bounds=(-6, 6), method="bounded", options={"xatol": 1e-12})
    hits = (logits.argmax(1) == labels).astype(float)
    error = lambda inverse: calibration_error(np.exp(log_softmax(logits * inverse, axis=1)).max(1), hits, 15)
    return {
        "logits": logits.tolist(), "labels": labels.tolist(), "temperature": float(np.exp(-best.x)),
        "loss": {"before": loss(1), "after": float(best.fun)}, "error": {"before": error(1), "after": error(np.exp(best.x))},
    }


content = {"curves": [curves(60, 0.5), curves(25, 1e-9)], "temperatures": [temperatures(40, 3, 4), temperatures(30, 2, 0.5)]}
(Path(__file__).parent.parent / "decisions.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
