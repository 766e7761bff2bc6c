"""Where things stand in memory, in words of 64 bits: what compiled code and the Python that prepares it agree on."""

# The driver's block: the header, where the bases, the argument blocks and the status word are, the number of threads,
# the addresses of ``task`` and ``parallel_for``, how many external bases are arrays instead of addresses, how far
# behind the start of such an object its address lies, and the first launch; then the status word, the bases, and the
# argument blocks. Word 0 is the launch to stop before.
STOP, BASES_AT, BLOCKS_AT, STATUS_AT, THREADS, OBJECTS, FIRST, BLOCK_STATUS, BLOCK_BASES = (
    0,
    8,
    9,
    10,
    11,
    14,
    16,
    17,
    18,
)

# Python's objects, as the stable interfaces of Python and NumPy have them: bytes before an object's type and its own
# part, where a list or tuple has its length and an array these words.
TYPE, HEAD = 8, 16
DATA, NDIM, DIMENSIONS, DTYPE, FLAGS = 0, 1, 2, 5, 6
FIT = 0x101  # C-contiguous and aligned

# The table of known calls: objects and functions of the interpreter by address, then the first record of each bucket.
CHECKING, NONE, ARRAY, CALL, TUPLE, INCREASE, DECREASE, LET_GO, TAKE_UP, EQUAL, INTEGER, DRIVER, ITEMS = range(13)
NUMBER, CLOCK, VARIABLE, CHOSEN, SHARED, TASK, CLEAR, FLOAT, FORGOTTEN = range(13, 22)  # FORGOTTEN: how often all were
BUCKETS, BUCKET_COUNT = 32, 4096

# What threads.py shares with compiled code: the address of the pool's ``parallel_for`` (0: not asked for yet, -1: there
# is none), how many threads compute unless a context has its own number, and the nanosecond until which one does alone.
POOL, DEFAULT, ALONE_UNTIL = range(3)
# A run that took SLOW times as long as the same run once did, and STALL nanoseconds more, was held up.
SLOW, STALL = 4, 1_000_000

# A record: the next one of its bucket, its hash, whose it is, how many arguments came by position and by name, how many
# results there are; the Python object that keeps all this, one that runs the program where compiled code may not, one
# that raises for a status, the driver's block without what is the call's own, its bases, whether others may run
# meanwhile, how many threads are worth their while (0: the driver may not be called directly), where the program's pace
# is, one that is told of a run that was held up, and where the place of an arena is (0: it needs none). Then the names,
# for each argument its type and its value, or the dtype, dimensions and shape of an array, and for each result what
# makes it, its shape and its dtype.
NEXT, HASH, OWNER, PLACES, NAMES, RESULTS, KEEPER, RUN, FAIL, TEMPLATE, BASES, LONG, PARTS = range(13)
PACE, HELD_UP, ARENA, KEY = range(13, 17)
MOST_BLOCK, MOST_ARRAYS = 256, 16  # words of a block and arrays of a call on the stack; larger ones take the usual way
FACTOR = 0x1E3779B97F4A7C15  # of the hash: odd, its bits evenly spread
