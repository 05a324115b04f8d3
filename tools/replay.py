"""Compute a step of a run again on the CPU, and find the first module whose output is not finite."""

import sys

from mmmim.commands.replay import main

if __name__ == "__main__":
    sys.exit(main())
