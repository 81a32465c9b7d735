"""What a run gives besides its tables: AnnData, intermediate files, a section for MultiQC, a message at its end."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pysam
import pytest
from pipeline_runs import Pipeline, Run, copy_pipeline

from texcnn.model.load import load_model
from texcnn.store.store import EmbeddingStore

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

MAILER = '#!/bin/bash\n{ echo "$@"; cat; } > "$MAILS/$$"\n'


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    posted: list[dict[str, str]] = []  # noqa: RUF012  the server makes an instance per request

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()


@pytest.fixture(scope="module")
def hook() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()


@pytest.fixture(scope="module")
def messages(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A pipeline on a machine with an imitation of sendmail, and measured expression."""
    folder = tmp_path_factory.mktemp("outputs")
    pipeline = copy_pipeline(nextflow, project, folder)
    (folder / "mails").mkdir()
    (folder / "tools").mkdir()
    (folder / "tools" / "sendmail").write_text(MAILER)
    (folder / "tools" / "sendmail").chmod(0o755)
    pipeline.nextflow[1] = pipeline.nextflow[1].replace("PATH=", f"PATH={folder}/tools{os.pathsep}")
    pipeline.environment["MAILS"] = str(folder / "mails")
    truth = pd.read_csv(pipeline.folder / "assets" / "demo" / "truth.tsv", sep="\t")
    measured = pd.DataFrame({"gene_id": truth["gene_id"], "x": 10 ** truth["true_expression"]})
    measured.to_csv(pipeline.launch / "measured.tsv", sep="\t", index=False)
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    with pysam.FastaFile(str(pipeline.folder / "assets" / "demo" / "genome.fa.gz")) as genome:
        places = [("demo1", 1), *truth[["chrom", "tss"]].head(4).itertuples(index=False)]  # the first reaches no gene
        for chrom, tss in places:
            ref = genome.fetch(chrom, tss - 1, tss).upper()
            lines.append(f"{chrom}\t{tss}\t.\t{ref}\t{'A' if ref != 'A' else 'C'}\t.\t.\t.")
    (pipeline.launch / "variants.vcf").write_text("\n".join(lines) + "\n")
    return pipeline


@pytest.fixture(scope="module")
def run(messages: Pipeline, hook: str) -> Run:
    # fmt: off
    return messages.succeed("-profile", "test", "--models", messages.model, "--h5ad", "--save_embeddings", "true",
                            "--expression", "measured.tsv", "--vcf", "variants.vcf", "--shard_size", "50",
                            "--email", "me@example.org,you@example.org", "--hook_url", hook)
    # fmt: on


def test_anndata_holds_the_table(run: Run) -> None:
    found = anndata.read_h5ad(run.outdir / "predictions" / "predictions.h5ad")
    table = run.predictions.set_index("gene_id")
    assert found.shape == (3, 49)
    np.testing.assert_array_equal(found[:, table.index].X, table[["x", "y", "z"]].to_numpy(np.float32).T)


def test_embeddings_can_be_predicted_from(run: Run, messages: Pipeline) -> None:
    (store,) = (run.outdir / "embeddings" / "tiny").iterdir()
    assert len(EmbeddingStore.open(store).genes) == 50
    assert load_model(messages.model).segment_network().encoders[0].fingerprint() in (store / "store.json").read_text()


def test_multiqc_has_a_row_of_the_sample(run: Run) -> None:
    lines = (run.outdir / "multiqc" / "texcnn_mqc.tsv").read_text().splitlines()
    assert [line.split(":")[0] for line in lines[:4]] == ["# id", "# section_name", "# description", "# plot_type"]
    row = dict(zip(lines[4].split("\t"), lines[5].split("\t"), strict=True))
    metrics = pd.read_csv(run.outdir / "evaluation" / "metrics.tsv", sep="\t").set_index("model")
    assert {name: row[name] for name in ("Sample", "genes", "predicted", "skipped", "dtype")} == {
        "Sample": "sample", "genes": "50", "predicted": "49", "skipped": "1", "dtype": "float32",
    }  # fmt: skip
    assert float(row["unknown_bases"]) == pytest.approx(run.predictions["n_fraction"].mean(), abs=1e-6)
    assert float(row["squared_pearson"]) == pytest.approx(metrics.loc["tiny-dnabert2", "squared_pearson"], abs=1e-4)
    assert len(lines) == 6


def test_the_report_has_figures_and_variants(run: Run) -> None:
    page = (run.outdir / "report" / "report.html").read_text()
    assert 'href="#figures"' in page
    assert "variants-" in page
    effects = pd.read_csv(run.outdir / "variants" / "effects.tsv.gz", sep="\t")
    skipped = pd.read_csv(run.outdir / "variants" / "effects.tsv.gz.skipped.tsv", sep="\t")
    assert len(effects.drop_duplicates(["chrom", "pos", "ref", "alt"])) == 4
    assert len(skipped) == 1, "alleles in = scored and skipped"
    assert (run.outdir / "variants" / "effects.vcf.gz").is_file()


def test_the_end_is_reported_by_mail_and_hook(run: Run, messages: Pipeline, hook: str) -> None:
    mails = Path(messages.environment["MAILS"])
    (mail,) = mails.iterdir()
    text = mail.read_text()
    assert "Subject: TExCNN run" in text
    assert "is done" in text
    assert "To: me@example.org, you@example.org" in text
    assert "sample, tiny: 49 of 50 genes predicted" in text
    (posted,) = Hook.posted
    assert "is done" in posted["text"]
    assert "sample, tiny: 49 of 50 genes predicted" in posted["text"]
    mail.unlink()
    (messages.launch / "broken.gtf").write_text("demo1\ttest\n")
    # fmt: off
    failed = messages.run("-profile", "test", "--models", messages.model, "--gtf", "broken.gtf", "--email_on_fail",
                          "me@example.org", "--hook_url", "http://127.0.0.1:1/none", outdir="failed")
    # fmt: on
    assert failed.status == 1
    assert "the summary could not be sent" in failed.output
    (mail,) = mails.iterdir()
    assert "failed" in mail.read_text()
    assert "broken.gtf" in mail.read_text()
    assert "sample, tiny: no result" in mail.read_text()
