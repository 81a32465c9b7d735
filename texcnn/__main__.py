"""``python -m texcnn``: the command line."""

from texcnn.cli.main import main

main()
