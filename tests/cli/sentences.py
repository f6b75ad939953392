"""What tests of refusals share."""


def one_sentence(outcome) -> str:
    """The message of a refusal, after checking that it is one line and nothing else."""
    assert outcome.code == 2
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith("\n")
    assert "Traceback" not in outcome.err
    return outcome.err


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
