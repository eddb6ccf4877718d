"""Decoded chunks of blocks, kept for the next query."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from watchkeeper.stores.blocks import Block

__all__ = ["Cache", "Column"]

Column = tuple[NDArray[np.int64], NDArray[np.float64]]


class Cache:
    """The most lately used chunks, `samples` of them in all; for any number of threads."""

    def __init__(self, samples: int) -> None:
        self._room = samples
        self._lock = threading.Lock()
        self._chunks: OrderedDict[tuple[int, int], Column] = OrderedDict()

    def read(self, block: Block, row: int) -> Column:
        """A chunk of a block. Raises StoreError when it is damaged."""
        key = (id(block), row)
        with self._lock:
            chunk = self._chunks.get(key)
            if chunk is not None:
                self._chunks.move_to_end(key)
                return chunk
        chunk = block.read(row)
        with self._lock:
            if key not in self._chunks:
                self._chunks[key] = chunk
                self._room -= len(chunk[0])
            while self._room < 0:
                self._room += len(self._chunks.popitem(last=False)[1][0])
        return chunk

    def forget(self, blocks: Iterable[Block]) -> None:
        """Drop the chunks of blocks that are removed: their identity may be another's later."""
        gone = {id(block) for block in blocks}
        with self._lock:
            for key in [key for key in self._chunks if key[0] in gone]:
                self._room += len(self._chunks.pop(key)[0])
