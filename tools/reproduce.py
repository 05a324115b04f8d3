"""Rebuild a results table of a paper: what would run, the runs, and published and own numbers side by side."""

import sys

from mmmim.commands.reproduce import main

if __name__ == "__main__":
    sys.exit(main())
