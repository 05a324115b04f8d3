"""Metrics, k-NN and linear probes. Import ``probe`` by itself: scikit-learn takes a second to load."""

from .accuracy import Accuracy
from .avg_dist import avg_dist
from .features import Features, extract_features
from .knn import knn_accuracy, knn_scores
from .knn_hook import KNNHook
from .probe_hook import ProbeHook
from .rankme_hook import RankMeHook

__all__ = [
    "Accuracy", "Features", "KNNHook", "ProbeHook", "RankMeHook", "avg_dist", "extract_features", "knn_accuracy",
    "knn_scores",
]  # fmt: skip
