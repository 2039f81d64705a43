"""What only a GPU can show, in one command and a few minutes: `make gpu`, or `python -m benchmarks.gpu --help`."""
