"""Write the features of all images of a folder as a table, for search, clustering or a classifier of your own."""

import sys

from mmmim.commands.embed import main

if __name__ == "__main__":
    sys.exit(main())
