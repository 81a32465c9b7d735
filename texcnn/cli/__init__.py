"""One file per command: parse, call the library, write; nothing else."""
