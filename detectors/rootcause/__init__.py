"""Root cause: candidates from all signals of dependent components, ranked.

`read_table` and `read_edges` read files, `Table` holds what a store or a frame has, `rank` ranks, `why` says why.
"""

from __future__ import annotations

from detectors.rootcause.columns import split_names
from detectors.rootcause.graph import Graph
from detectors.rootcause.ranking import Candidate, Change, rank
from detectors.rootcause.reading import read_edges, read_table
from detectors.rootcause.tables import Table, from_frame, from_matrices

__all__ = [
    "Candidate",
    "Change",
    "Graph",
    "Table",
    "from_frame",
    "from_matrices",
    "rank",
    "read_edges",
    "read_table",
    "split_names",
]
