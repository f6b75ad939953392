"""The cases of a batch on a Dask cluster: on as many machines as it has, which see the same files."""

from __future__ import annotations

import contextlib
import logging
import socket
from asyncio import CancelledError
from collections.abc import Iterator, Sequence

from ifss_keras.core.errors import InputError
from ifss_keras.jobs.batch_case import Case, Outcome, run_case_alone

ANSWERS_WITHIN_S = 20


def run_on_cluster(cases: Sequence[Case], scheduler: str) -> Iterator[Outcome]:
    """The outcome of each case, as they come; a case whose worker is lost is done by another.

    Args:
        cases: to do, their paths the same on all machines.
        scheduler: its address, as tcp://host:8786.

    Raises:
        InputError: there is no scheduler at that address, or Dask is not installed.
    """
    try:
        from distributed import as_completed
    except ImportError:
        raise InputError(
            'For a Dask cluster the package distributed is needed: install the extra, pip install "ifss_keras[dask]".',
            setting="scheduler",
        ) from None
    with _quiet_dask(), _client(scheduler) as client:
        futures = {client.submit(run_case_alone, case, pure=False, key=_key(case)): case for case in cases}
        try:
            for future in as_completed(futures):
                yield _outcome(future, futures[future])
        finally:
            client.cancel(list(futures))


@contextlib.contextmanager
def _quiet_dask() -> Iterator[None]:
    """None of its tracebacks meanwhile: whatever ends a case is a sentence in its outcome."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _client(scheduler: str):
    """A client of the scheduler; looked for by a socket first, as a client that finds nobody is slow to give up."""
    from distributed import Client
    from distributed.comm import get_address_host_port

    try:
        with socket.create_connection(get_address_host_port(scheduler), timeout=ANSWERS_WITHIN_S):
            pass
        return Client(scheduler, timeout=f"{ANSWERS_WITHIN_S}s", name="ifss")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"There is no Dask scheduler at {scheduler} ({' '.join(str(error).split())[:200]}): expected an address as "
            "tcp://host:8786; start one by `dask scheduler`, or mend the address.",
            setting="scheduler",
        ) from error


def _key(case: Case) -> str:
    return f"ifss-{case.state.stem}"


def _outcome(future, case: Case) -> Outcome:
    """What became of a case, or how the cluster lost it: too many workers ended while they had it, or the scheduler."""
    try:
        return future.result()
    except (Exception, CancelledError) as error:
        told = " ".join(str(error).split())[:300]
        return Outcome(case, "failed", error=f"The cluster could not do it ({type(error).__name__}): {told}")
