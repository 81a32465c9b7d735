"""The published encoders, by the short names users give them."""

from __future__ import annotations

from texcnn.encoders.protocol import EncoderSpec

KNOWN_ENCODERS: dict[str, EncoderSpec] = {
    # Commit and sums as several independent public pipelines record them; the sum of the weights is also that of a
    # Git LFS pointer to a copy of the file. The Hub itself was not queried.
    "dnabert2": EncoderSpec(
        type="dnabert2",
        source="zhihan1996/DNABERT-2-117M",
        revision="7bce263b15377fc15361f52cfab88f8b586abda0",
        sha256={
            "config.json": "ba9bdafaff0cc3e30556927474d4a179519a9864012bed2628e9f1bc23c84bfd",
            "pytorch_model.bin": "7ff39ec77a484dd01070a41bfd6e95cdd7247bec80fe357ab43a4be33687aeba",
            "tokenizer.json": "5d178e8ce2ba55df97fff197f4b30f40133b95d7096be398c2df6b526c5d8cd3",
        },
    ),
    # Commit as the Hub's own history and two public pipelines have it, both sums as one of these records them. That
    # of the config is also the sum of what a sister model's page shows, less the line that this commit took out.
    "enformer": EncoderSpec(
        type="enformer",
        source="EleutherAI/enformer-official-rough",
        revision="affe5713ae9017460706a44108289b13c5fee16c",
        sha256={
            "config.json": "ad7a0e07b2fe40fd4c93a8528416406b4429f303946f5a93209ef26f160a034f",
            "pytorch_model.bin": "99b09d602e195d89c7d4debe144bb2f43907ba0d74006e97098e99d9171c439c",
        },
    ),
    # Commits as the Hub's own pages show them. The weights' sum as an independent audit and a Git LFS pointer to a copy
    # have it, the config's from the text next to that copy. The model of 2.5 billion weights is in two files, which
    # are not read.
    "nucleotide-transformer-500m-human-ref": EncoderSpec(
        type="nucleotide-transformer",
        source="InstaDeepAI/nucleotide-transformer-500m-human-ref",
        revision="f87b5d7233295242e79c951873d290f4cf992045",
        sha256={
            "config.json": "715b4de1c0a3c36ee417cde99640876e024c25afe50c85427ea0317559350cdb",
            "pytorch_model.bin": "971cb721bd8cc8134d3665b5d94b195fffb18a1480ad5925d6dcc9290bf1c17f",
        },
        options={"unverified": ["vocab.txt"]},
    ),
    "nucleotide-transformer-500m-1000g": EncoderSpec(
        type="nucleotide-transformer",
        source="InstaDeepAI/nucleotide-transformer-500m-1000g",
        revision="a1fcafab929cf0f835adeb6fb7dd305607dc6349",
        options={"unverified": ["config.json", "pytorch_model.bin", "vocab.txt"]},
    ),
    # No public record of these files' sums was found, and of a commit only for k = 6: what is not known is left out
    # and listed as unverified, not made up.
    **{
        f"dnabert-{k}": EncoderSpec(
            type="dnabert",
            source=f"zhihan1996/DNA_bert_{k}",
            revision=revision,
            options={"k": k, "unverified": ["config.json", "pytorch_model.bin"]},
        )
        for k, revision in ((3, None), (4, None), (5, None), (6, "55e0c0eb7b734c8b9b77bc083bf89eb6fbda1341"))
    },
}
"""Short name to encoder. Files under ``options["unverified"]`` have no known sha256 and are used as found."""

HUMAN_ENCODERS = frozenset(name for name in KNOWN_ENCODERS if name not in ("dnabert2", "enformer"))
"""Those that were pre-trained on human DNA alone; DNABERT-2 saw 135 species, Enformer human and mouse."""


def known_name(spec: EncoderSpec) -> str:
    """Returns the short name of a published encoder, or its source if it has none."""
    for name, known in KNOWN_ENCODERS.items():
        if (known.type, known.source) == (spec.type, spec.source):
            return name
    return spec.source
