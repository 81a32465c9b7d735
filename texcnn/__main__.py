"""``python -m texcnn``: the command line."""

import sys

# As for the program texcnn: a file of the working folder that is named torch.py is not the library.
if sys.argv[0] == __file__ and not sys.flags.safe_path:
    del sys.path[0]

from texcnn.cli.main import main

main()
