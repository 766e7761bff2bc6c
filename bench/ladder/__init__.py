"""The ladder: a computation from the naive loop to the limit of the machine, each step a few lines that can be read."""
