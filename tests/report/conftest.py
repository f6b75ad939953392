"""Reports of the two boxes of `cases`, written once for a module."""

import pytest

from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.report.html import write_report
from tests.report.cases import LABELS, NAMES, RUN, SPACING_MM, SUMMARIES, TRUTH, Page, predicted


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new"
    return folder, write_report(folder, predicted(*SUMMARIES), RUN)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    evaluation = evaluate(LABELS, TRUTH, SPACING_MM, NAMES)
    return folder, evaluation, write_report(folder, predicted(*SUMMARIES), RUN, evaluation, TRUTH)


@pytest.fixture
def page_of(tmp_path):
    """A function from a prediction to its `Page`."""

    def write(prediction, *evaluation_and_truth):
        write_report(tmp_path, prediction, RUN, *evaluation_and_truth)
        return Page(tmp_path / "report.html")

    return write
