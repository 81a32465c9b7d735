"""The commands that train and judge are their verbs: the same names, the same choices, the same defaults."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest

from texcnn.cli.evaluate import evaluate as evaluate_command
from texcnn.cli.pretrain import pretrain as pretrain_command
from texcnn.cli.train import train as train_command
from texcnn.evaluation.evaluate import evaluate
from texcnn.evaluation.options import EvaluateOptions
from texcnn.keywords import option_names
from texcnn.pretraining import LANGUAGE_MODELS
from texcnn.pretraining.options import PretrainOptions
from texcnn.pretraining.pretrain import pretrain
from texcnn.tables.units import UNIT_TRANSFORMS
from texcnn.training import OPTIMIZERS, SPLITS
from texcnn.training.options import TrainOptions
from texcnn.training.train import train

VERBS = [
    (train_command, train, TrainOptions),
    (evaluate_command, evaluate, EvaluateOptions),
    (pretrain_command, pretrain, PretrainOptions),
]
OF_THE_COMMAND_LINE = {"quiet", "threads", "help", "debug"}
NOT_ASKED_FOR = {"dtype", "compile"}
"""A pre-training learns in float32 and compiles nothing; as keywords they are refused."""


def parameters(command: click.Command) -> dict[str, click.Parameter]:
    found = {parameter.name: parameter for parameter in command.params if parameter.name}
    if "gene_names" in found:  # () is none there, and all genes are wanted
        found["genes"] = found.pop("gene_names")
    return {name: parameter for name, parameter in found.items() if name not in OF_THE_COMMAND_LINE}


def arguments(verb: Callable[..., Any], options: type) -> set[str]:
    named = {
        name
        for name, parameter in inspect.signature(verb).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    return (named - {"options", "progress"}) | set(option_names(options))


@pytest.mark.parametrize(("command", "verb", "options"), VERBS, ids=["train", "evaluate", "pretrain"])
def test_a_command_has_the_names_of_its_verb(command: click.Command, verb: Callable[..., Any], options: type) -> None:
    missing = NOT_ASKED_FOR if command is pretrain_command else set()
    assert set(parameters(command)) == arguments(verb, options) - missing


@pytest.mark.parametrize(
    ("command", "needed", "options"),
    [
        (train_command, ["--expression", "e.tsv", "--unit", "TPM"], TrainOptions(unit="TPM")),
        (evaluate_command, ["--expression", "e.tsv"], EvaluateOptions()),
        (pretrain_command, ["--fasta", "g.fa"], PretrainOptions()),
    ],
    ids=["train", "evaluate", "pretrain"],
)
def test_what_a_command_leaves_out_is_what_its_verb_leaves_out(
    command: click.Command, needed: list[str], options: object
) -> None:
    parsed = command.make_context("texcnn", [*needed, "--out", "out"]).params
    usual = flat(options)
    compared = set(parsed) & set(usual) - {"device", "dtype"}  # "auto" there is None here
    assert len(compared) > 10
    assert {name: parsed[name] or None for name in compared} == {name: usual[name] or None for name in compared}


def flat(options: object) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in vars(options).items():
        values |= flat(value) if hasattr(value, "__dataclass_fields__") else {name: value}
    return values


@pytest.mark.parametrize(
    ("command", "name", "choices"),
    [
        (train_command, "split", SPLITS),
        (train_command, "optimizer", OPTIMIZERS),
        (train_command, "transform", UNIT_TRANSFORMS),
        (evaluate_command, "transform", UNIT_TRANSFORMS),
        (pretrain_command, "architecture", LANGUAGE_MODELS),
    ],
)
def test_a_command_offers_what_the_library_takes(command: click.Command, name: str, choices: tuple[str, ...]) -> None:
    kind = parameters(command)[name].type
    assert isinstance(kind, click.Choice)
    assert tuple(kind.choices) == choices


@pytest.mark.parametrize("name", ["train", "evaluate", "pretrain"])
def test_a_help_page_does_not_wait_for_torch(name: str) -> None:
    code = (
        "import sys\n"
        "from texcnn.cli.main import main\n"
        f"try: main(['{name}', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(heavy in sys.modules for heavy in ('torch', 'pandas', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--out" in done.stdout
