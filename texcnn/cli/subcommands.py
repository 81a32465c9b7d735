"""A command that has subcommands too, such as ``texcnn variants`` and ``texcnn variants background``."""

from __future__ import annotations

from typing import Any

import click


class CommandWithSubcommands(click.Group):
    """Runs a subcommand where its name comes first, and itself otherwise.

    A plain group would want the command's own required options before the name of the subcommand.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parses the arguments as the subcommand's where the first one names it."""
        if args and args[0] in self.commands:
            return self.commands[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)
