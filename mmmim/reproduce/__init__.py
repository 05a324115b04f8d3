"""What `tools/reproduce.py` is made of: plan (rows -> runs), toy (rows at toy size), runs, slurm, collect, page."""
