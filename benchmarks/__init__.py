"""Speed as ratios: each row measures a thing and its limit in the same run.

`python -m benchmarks` prints the table; nothing here is part of the tests.
"""
