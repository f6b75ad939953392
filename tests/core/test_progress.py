"""One kind of callback for all long work."""

from ifss_keras.core.progress import Counter, silent


def test_a_counter_tells_the_sum():
    told = []
    done = Counter(lambda *what: told.append(what), "SOL", 9)
    for more in (2, 3):
        done(more)
    done()
    assert told == [("SOL", 2, 9), ("SOL", 5, 9), ("SOL", 6, 9)]
    assert silent("SOL", 1, 9) is None
