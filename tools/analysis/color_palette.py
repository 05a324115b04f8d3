"""A palette of colours for ``ColorClusterTarget``, found by k-means in the pixels of your own images."""

import sys

from mmmim.commands.color_palette import main

if __name__ == "__main__":
    sys.exit(main())
