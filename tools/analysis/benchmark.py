"""Cost of a pre-training step beside the same method of mmpretrain: time, FLOPs, memory for the backward pass."""

import sys

from mmmim.commands.benchmark import main

if __name__ == "__main__":
    sys.exit(main())
