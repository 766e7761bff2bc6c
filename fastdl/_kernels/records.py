"""The fields of the tables by which ``networks.train`` trains many networks, and of the record by which
``epochs.train`` trains one; ``fleet.py`` and ``course.py`` fill them in.

A record: FULL and REST, the plans of a full and of the last batch; FULL_STEPS and STEPS of an epoch; STEP and EPOCH,
how far it is; STOP, the epoch before which it waits; STATUS and PLAN, what a kernel reported and in which plan;
SHUFFLED, and ROWS, the rows that are shuffled (0: all). POSITION, and TOTAL, CORRECT and COUNTED, which are TOTALS:
where these stand (0: not counted). SUMS: where the totals of the epochs go, TOTALS numbers each. ORDER: which of its
arrays is the order. BASES: the addresses of its arrays. COUNT, SEED and EPOCH stand together, as the kernel that
shuffles reads them.

A plan: the HEADER words that the driver's block begins with; CONSTANTS, the address of its constants; ARRAYS, how many
of the bases are a network's; CAPTURED, how many follow, and CAPTURED_AT, where their addresses are.
"""

FULL, REST, FULL_STEPS, STEPS, STEP, COUNT, SEED, EPOCH, STOP, STATUS, PLAN, SHUFFLED, ROWS = range(13)
POSITION, TOTAL, CORRECT, COUNTED, SUMS, ORDER, BASES = range(13, 20)
TOTALS = 3

HEADER, CONSTANTS, ARRAYS, CAPTURED, CAPTURED_AT, PLAN_FIELDS = 8, 8, 9, 10, 11, 12
