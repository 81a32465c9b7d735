"""Which published assembly a set of chromosome lengths is of."""

from __future__ import annotations

from collections.abc import Mapping

from texcnn.genome.assembly import HUMAN
from texcnn.genome.naming import style_free

_BUILDS: dict[str, dict[str, int]] = {
    "GRCh37/hg19": {
        "1": 249250621, "2": 243199373, "3": 198022430, "7": 159138663, "11": 135006516, "17": 81195210,
        "19": 59128983, "22": 51304566, "X": 155270560,
    },
    "GRCh38/hg38": {style_free(name): length for name, length in HUMAN.chromosomes.items()},
    "T2T-CHM13v2.0": {
        "1": 248387328, "2": 242696752, "3": 201105948, "7": 160567428, "11": 135127769, "17": 84276897,
        "19": 61707364, "22": 51324926, "X": 154259566,
    },
    "GRCm38/mm10": {
        "1": 195471971, "2": 182113224, "3": 160039680, "7": 145441459, "11": 122082543, "17": 94987271,
        "19": 61431566, "X": 171031299,
    },
    "GRCm39/mm39": {
        "1": 195154279, "2": 181755017, "3": 159745316, "7": 144995196, "11": 121973369, "17": 95294699,
        "19": 61420004, "X": 169476592,
    },
    "R64-1-1/sacCer3": {
        "I": 230218, "II": 813184, "III": 316620, "IV": 1531933, "VII": 1090940, "XII": 1078177, "XVI": 948066,
    },
}  # fmt: skip
"""Lengths of chromosomes by which assemblies differ, by their name without ``chr``."""


def find_build(lengths: Mapping[str, int]) -> str | None:
    """Returns the published assembly whose chromosome lengths agree; None where none does.

    Args:
        lengths: Bases of each chromosome, by names in UCSC's or Ensembl's style.
    """
    plain = {style_free(name): length for name, length in lengths.items()}
    for build, known in _BUILDS.items():
        shared = [name for name in known if name in plain]
        if shared and all(plain[name] == known[name] for name in shared):
            return build
    return None
