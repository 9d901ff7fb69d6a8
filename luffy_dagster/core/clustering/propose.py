"""Merges proposed by similarity, for a person or a service's setting to accept; nothing is mapped here.

Belongs here: TF-IDF over what exemplars say, density clustering or k-means over it, and how good the result is.
Does not belong here: the rules that map fingerprints (`assign`). The seed is fixed, so that the same exemplars give the same proposals.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

SEED = 20261124
AT_LEAST = 0.6  # cosine similarity of two clusters' exemplars that is worth a proposal
MOST = 2_000  # exemplars that are compared, the latest first
ROWS = {"cluster_a": pl.Utf8, "cluster_b": pl.Utf8, "similarity": pl.Float64, "reason": pl.Utf8}
_HARDLY = 0.05  # similarity of two exemplars that have nothing but common words in common
_SAID = ("type", "root_type", "message", "frames")
_WORDS = re.compile(r"[A-Za-z_$][\w$]{2,}")


@dataclass(frozen=True, slots=True)
class Proposals:
    """`rows`: cluster_a (the older), cluster_b, similarity 0..1, reason; the most similar first.

    `silhouette` (−1..1) and `noise` (share of exemplars that are like no other) say how far to trust them; None where they
    cannot be told.
    """

    rows: pl.DataFrame
    silhouette: float | None
    noise: float | None
    method: str


def propose_merges(exemplars: pl.DataFrame, method: Literal["hdbscan", "kmeans"] = "hdbscan") -> Proposals:
    """Pairs of clusters that may be one.

    Args:
        exemplars: fingerprint, type, root_type, message, frames (JSON), cluster_id; earliest first.
        method: Density clustering (HDBSCAN, Campello et al. 2013) or k-means with the k of the best silhouette.

    Raises:
        ValueError: When `method` is unknown.
    """
    if method not in ("hdbscan", "kmeans"):
        raise ValueError(f"method {method!r} is unknown: take hdbscan or kmeans")
    known = exemplars.filter(pl.col("cluster_id").is_not_null()).tail(MOST)
    from luffy_dagster.core.clustering.fingerprints import templates_of

    said = templates_of([message or "" for message in known.get_column("message")])
    texts = [_document(row, text) for row, text in zip(known.iter_rows(named=True), said, strict=True)]
    clusters = known.get_column("cluster_id").to_list()
    empty = Proposals(pl.DataFrame(schema=ROWS), None, None, method)
    if len(set(clusters)) < 2 or not any(text.strip() for text in texts):
        return empty
    from sklearn.feature_extraction.text import TfidfVectorizer

    matrix: Any = TfidfVectorizer(analyzer=str.split, sublinear_tf=True).fit_transform(texts)
    similar: Any = (matrix @ matrix.T).toarray()
    labels = _density(similar) if method == "hdbscan" else _means(matrix)
    best: dict[tuple[str, str], float] = {}
    place = {name: i for i, name in reversed(list(enumerate(clusters)))}
    for i, a in enumerate(clusters):
        for j in range(i + 1, len(clusters)):
            b = clusters[j]
            if a == b or labels[i] < 0 or labels[i] != labels[j] or similar[i, j] < AT_LEAST:
                continue
            pair = (a, b) if place[a] < place[b] else (b, a)
            best[pair] = max(best.get(pair, 0.0), float(similar[i, j]))
    rows = [
        (a, b, round(min(value, 1.0), 4), f"alike by words of type, message and frames ({method})")
        for (a, b), value in best.items()
    ]
    frame = pl.DataFrame(rows, schema=ROWS, orient="row").sort(
        ["similarity", "cluster_a", "cluster_b"], descending=[True, False, False]
    )
    noise = sum(1 for label in labels if label < 0) / len(labels)
    return Proposals(frame, _silhouette(similar, labels), round(noise, 4), method)


def similar_clusters(exemplars: pl.DataFrame, to: pl.DataFrame, most: int = 5) -> pl.DataFrame:
    """Clusters that say most nearly the same as one of `to`'s exemplars, the most similar first.

    Args:
        exemplars: key (of the cluster, unique over services), type, root_type, message, frames (JSON).
        to: the exemplars of the cluster asked about.
        most: so many at most.

    Returns:
        key, similarity (0..1); none below 0.05.
    """
    from luffy_dagster.core.clustering.fingerprints import templates_of

    both = pl.concat([to.select(_SAID), exemplars.select(_SAID)])
    if to.is_empty() or exemplars.is_empty():
        return pl.DataFrame(schema={"key": pl.Utf8, "similarity": pl.Float64})
    said = templates_of([message or "" for message in both.get_column("message")])
    texts = [_document(row, text) for row, text in zip(both.iter_rows(named=True), said, strict=True)]
    from sklearn.feature_extraction.text import TfidfVectorizer

    matrix: Any = TfidfVectorizer(analyzer=str.split, sublinear_tf=True).fit_transform(texts)
    likeness = (matrix[to.height :] @ matrix[: to.height].T).max(axis=1).toarray().ravel()
    table = pl.DataFrame({"key": exemplars.get_column("key"), "similarity": likeness})
    best = table.group_by("key").agg(pl.col("similarity").max().round(4)).filter(pl.col("similarity") >= _HARDLY)
    return best.sort("similarity", "key", descending=[True, False]).head(most)


def _document(row: dict[str, Any], said: str) -> str:
    """Words of type, message (values out) and in-app frames, the innermost counting most."""
    from luffy_dagster.core.clustering.fingerprints import frame_key

    name = row.get("root_type") or row.get("type") or ""
    words = [f"type={name}"] * 3 + [f"said={word}" for word in _WORDS.findall(said)]
    own = [f for f in json.loads(row.get("frames") or "[]") if f.get("in_app")]
    for depth, frame in enumerate(own[:12]):
        words += [frame_key(frame.get("module"), frame.get("file"), frame.get("function")).replace(" ", "_")] * max(
            1, 4 - depth
        )
    return " ".join(words)


def _density(similar: Any) -> list[int]:
    import numpy as np
    from sklearn.cluster import HDBSCAN

    distance = np.clip(1.0 - similar, 0.0, 1.0).astype(np.float64)
    np.fill_diagonal(distance, 0.0)
    model = HDBSCAN(min_cluster_size=2, min_samples=1, metric="precomputed", copy=True)
    return [int(label) for label in model.fit_predict(distance)]


def _means(matrix: Any) -> list[int]:
    """Labels of the k-means whose k, of a few, has the best silhouette."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    count = matrix.shape[0]
    best: tuple[float, list[int]] = (-2.0, [0] * count)
    for k in sorted({max(2, count // part) for part in (2, 3, 4, 6, 8)}):
        if k >= count:
            continue
        labels = KMeans(n_clusters=k, n_init=3, random_state=SEED).fit_predict(matrix)
        if len(set(labels.tolist())) < 2:
            continue
        score = float(silhouette_score(matrix, labels, metric="cosine"))
        if score > best[0]:
            best = (score, [int(label) for label in labels])
    return best[1]


def _silhouette(similar: Any, labels: list[int]) -> float | None:
    import numpy as np
    from sklearn.metrics import silhouette_score

    kept = [i for i, label in enumerate(labels) if label >= 0]
    groups = {labels[i] for i in kept}
    if len(groups) < 2 or len(groups) >= len(kept):
        return None
    distance = np.clip(1.0 - similar[np.ix_(kept, kept)], 0.0, 1.0)
    np.fill_diagonal(distance, 0.0)
    return round(float(silhouette_score(distance, [labels[i] for i in kept], metric="precomputed")), 4)
