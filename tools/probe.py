"""Linear probe of a pre-trained encoder: logistic regression on frozen, standardised features, no training run."""

import sys

from mmmim.commands.probe import main

if __name__ == "__main__":
    sys.exit(main())
