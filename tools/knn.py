"""k-NN accuracy of a pre-trained encoder: cosine similarity, votes weighted with exp(similarity / 0.07)."""

import sys

from mmmim.commands.knn import main

if __name__ == "__main__":
    sys.exit(main())
