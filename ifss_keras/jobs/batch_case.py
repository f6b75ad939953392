"""One case of a batch: done once, however often it is asked for, and by whom."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ifss_keras.core.errors import IFSSError
from ifss_keras.core.files import write_whole
from ifss_keras.core.lock import only_one
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.records import sha256_of
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.networks import Networks
from ifss_keras.jobs.outputs import REPORT_FILES, volume_outputs
from ifss_keras.jobs.predict import JobResult, inputs_of, run_job
from ifss_keras.metrics.evaluation import json_safe

_NETWORKS, _ONE_AT_A_TIME = Networks(), threading.Lock()  # of a process that does nothing else
NO_SETTINGS = ("force", "max_gb")  # of a job: they change nothing in its result


@dataclass(frozen=True)
class Case:
    """One job of a batch.

    Attributes:
        job: what is to be done.
        state: a JSON file, written when it is done: by which settings, of which inputs, to which outputs.
        command: that asked for the batch, as it was typed; None from Python.
    """

    job: Job
    state: Path
    command: str | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.job.subject or self.job.output.name


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: which.
        state: done now, kept from before as nothing has changed since, or failed.
        seconds: that it took, when it was done.
        volumes: a dict for each label, as in `volumes.csv`.
        warnings: of the prediction.
        error: a sentence, if it failed.
        argument: that can mend it, as the setting of an `IFSSError`.
    """

    case: Case
    state: Literal["done", "kept", "failed"]
    seconds: float = 0.0
    volumes: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    argument: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON and the table of the batch hold it."""
        job = self.case.job
        return {
            "subject": job.subject,
            "image": str(job.image),
            "output": str(job.output),
            "state": self.state,
            "seconds": self.seconds,
            "volumes": self.volumes,
            "warnings": self.warnings,
            "error": self.error,
        }


def run_case(case: Case, networks: Networks, progress: Progress = silent) -> Outcome:
    """What becomes of a case; never an error, as others are waiting.

    A second process at the same case waits until the first is done or gone, and then keeps what that did.
    """
    try:
        with only_one(case.state.with_suffix(".lock")):
            kept = None if case.job.force else _kept(case)
            return kept or _done(case, run_job(case.job, progress, Call(case.command), networks))
    except IFSSError as error:
        return Outcome(case, "failed", error=str(error), argument=error.setting)
    except OSError as error:
        return Outcome(case, "failed", error=f"{error}: a file cannot be read or written; check permission and space.")
    except MemoryError:
        return Outcome(case, "failed", error="There is too little memory for it: close other programs.")
    except Exception as error:
        told = " ".join(str(error).split())[:300]
        return Outcome(case, "failed", error=f"A fault of ifss, please report it: {type(error).__name__}: {told}")


def run_case_alone(case: Case) -> Outcome:
    """`run_case` with the networks that this process holds, one case at a time, whatever threads there are."""
    with _ONE_AT_A_TIME:
        return run_case(case, _NETWORKS)


def _done(case: Case, result: JobResult) -> Outcome:
    """The outcome, after its state has been written."""
    from ifss_keras.report.tables import volumes_table

    table = volumes_table(result.prediction.summaries, case.job.subject)
    volumes = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    told = {
        "settings": _settings(case.job),
        "inputs": {name: asdict(held) for name, held in result.provenance.inputs.items()},
        "outputs": {str(path): sha256_of(path) for path in _outputs(case.job) if path.exists()},
        "seconds": round(result.seconds, 2),
        "volumes": volumes,
        "warnings": list(result.prediction.warnings),
    }
    told = json_safe(told)
    write_whole(case.state, json.dumps(told, indent=1) + "\n")  # the last: what it tells of is all there
    return _outcome(case, "done", told)


def _kept(case: Case) -> Outcome | None:
    """The outcome of before; None if there is none, or anything has changed since."""
    try:
        told = json.loads(case.state.read_text(encoding="utf-8"))
        same = told["settings"] == json_safe(_settings(case.job))
        same = same and all(sha256_of(Path(path)) == held for path, held in told["outputs"].items())
        same = same and told["inputs"] == {name: asdict(held) for name, held in inputs_of(case.job).items()}
        return _outcome(case, "kept", told) if same and told["outputs"] else None
    except (IFSSError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # it is done anew, or refused with its sentence


def _outcome(case: Case, state: Literal["done", "kept"], told: Mapping[str, Any]) -> Outcome:
    return Outcome(case, state, told["seconds"], told["volumes"], told["warnings"])


def _settings(job: Job) -> dict[str, Any]:
    """What is asked for, as JSON holds it."""
    asked = {name: value for name, value in asdict(job).items() if name not in NO_SETTINGS}
    return json.loads(json.dumps(asked, default=str))


def _outputs(job: Job) -> list[Path]:
    """The files that a job may have written."""
    mask = volume_outputs(job.output, {})
    report = [] if job.report is None else [job.report / name for name in REPORT_FILES]
    return [*(mask.folder / name for name in mask.names), *report]
