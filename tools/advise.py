"""Look at images of your own, and say how to train on them."""

import sys

from mmmim.commands.advise import main

if __name__ == "__main__":
    sys.exit(main())
