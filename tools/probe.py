"""Linear probe of a pre-trained encoder on the spot: logistic regression on frozen, standardised features."""

import sys

from mmmim.commands.probe import main

if __name__ == "__main__":
    sys.exit(main())
