"""Column 9 of a GTF: keys and values, in all the ways in which programs write them."""

from __future__ import annotations

import re

_VALUE = r'(?:"[^"\\]*"|[^\s;"\'“‘]+);'
_USUAL = re.compile(rf'gene_id "([^"\\]+)";(?: \w+ {_VALUE})*? transcript_id "([^"\\]+)"(?:;|$)')
"""Nearly every row of nearly every file: matched from its start, so that quoted text is not taken for a key."""
_USUAL_GENE = re.compile(rf'gene_id "([^"\\]+)";(?: \w+ {_VALUE})*$')
"""The same of a row whose transcript does not matter."""
_USUAL_NAME = re.compile(rf'gene_id "[^"\\]+";(?: \w+ {_VALUE})*? gene_name "([^"\\]*[^"\\\s][^"\\]*)"(?:;|$)')

_PAIR = re.compile(
    r"""
    [\s;]*
    (?P<key> [^\s;"'=]+ ) \s+
    (?:
      "(?P<escaped> (?: [^"\\] | \\. )* )" (?= \s*(?:;|$) | \s+\w+\s )
    | "(?P<double> [^"]* )"
    | '(?P<single> [^']* )' (?= \s*(?:;|$) | \s+\w+\s )
    | [“”](?P<curly> [^“”]* )[“”]
    | ‘(?P<curly_single> [^’]* )’
    | (?P<bare> [^\s;"'“‘] [^;]*? ) (?= \s*(?:;|$) )
    )
    """,
    re.VERBOSE,
)
_BARE_ID = re.compile(r"\s*([^\s;\"'=]+)\s*;?\s*")
_GFF3_ATTRIBUTE = re.compile(r"\s*\w+=")


def find_ids(attributes: str, feature: str) -> tuple[str, str, str]:
    """Finds a row's gene id and transcript id, each empty where the row has none.

    Args:
        attributes: Column 9.
        feature: Column 3. AUGUSTUS and BRAKER give a gene and a transcript a bare id and no key.

    Returns:
        The two ids, and a text: any column 9 that begins with it has the same ids. A tab where that is unknown.
    """
    usual = _USUAL.match(attributes)
    if usual:
        return usual[1].strip(), usual[2].strip(), usual[0] if usual[0].endswith(";") else "\t"
    if feature == "gene" and (usual := _USUAL_GENE.match(attributes)):
        return usual[1].strip(), "", "\t"
    bare = _BARE_ID.fullmatch(attributes)
    if bare and bare[1] != ".":
        return (bare[1], "", "\t") if feature == "gene" else ("", bare[1], "\t")
    pairs = parse_attributes(attributes)
    return pairs.get("gene_id", ""), pairs.get("transcript_id", ""), "\t"


def gene_name(attributes: str, gene_id: str) -> str:
    """Returns a row's name of the gene; its id where there is no name."""
    usual = _USUAL_NAME.match(attributes)
    if usual:
        return usual[1].strip()
    pairs = parse_attributes(attributes)
    return pairs.get("gene_name") or pairs.get("gene") or gene_id


def is_gff3(attributes: str) -> bool:
    """Whether column 9 is that of a GFF3."""
    return _GFF3_ATTRIBUTE.match(attributes) is not None


def parse_attributes(attributes: str) -> dict[str, str]:
    """Reads column 9: keys to values, of a key that is repeated the first one.

    Values are in double, single or curly quotes or in none. A backslash before a double quote makes it a letter.
    pandas writes the whole column in quotes and doubles those inside.
    """
    text = attributes.strip()
    if text.startswith('"') and text.endswith('"') and '""' in text:
        text = text[1:-1].replace('""', '"')
    pairs: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _PAIR.match(text, place)
        if match is None:
            place = text.find(";", place) + 1 or len(text)
            continue
        place = match.end()
        key, value = match["key"], match[match.lastgroup or "bare"]
        if match.lastgroup == "escaped":
            value = value.replace('\\"', '"')
        pairs.setdefault(key, value.strip())
    return pairs
