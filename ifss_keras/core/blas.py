"""BLAS without threads of its own: our matrices are small, and threads that wait for the next would take the cores."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """NumPy's matrix products on the calling thread alone; nothing else on PyTorch, whose own products use it, too.

    The command line sees to it before NumPy is loaded (`cli.main`); this is for Python, where it is loaded by then.
    """
    import keras
    from threadpoolctl import threadpool_limits

    if keras.backend.backend() == "torch":
        yield
        return
    with threadpool_limits(1, user_api="blas"):
        yield
