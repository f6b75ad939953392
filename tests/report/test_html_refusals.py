"""What the report refuses, and that nothing is lost then."""

import pytest

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.report.html import write_evaluation_report, write_report
from tests.report.cases import IMAGE, LABELS, RUN, SPACING_MM, SUMMARIES, TRUTH, predicted


def test_other_shapes_are_refused_and_nothing_is_written(tmp_path):
    folder = tmp_path / "none"
    with pytest.raises(GeometryError, match="image must have the mask's shape"):
        write_report(folder, predicted(*SUMMARIES, image=IMAGE[1:]), RUN)
    with pytest.raises(GeometryError, match="truth must have the mask's shape"):
        write_report(folder, predicted(*SUMMARIES), RUN, truth=TRUTH[:, 1:])
    with pytest.raises(GeometryError, match="truth must have the mask's shape"):
        write_evaluation_report(folder, LABELS, TRUTH[:, 1:], evaluate(LABELS, TRUTH, SPACING_MM))
    with pytest.raises(InputError, match="one label or more"):
        write_report(folder, predicted(), RUN)
    assert not folder.exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match="report folder must be a folder that can be written"):
        write_report(tmp_path / "taken", predicted(*SUMMARIES), RUN)
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_failing_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    (tmp_path / "report.html").write_text("old")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(InputError, match="No space left on device"):
        write_report(tmp_path, predicted(*SUMMARIES), RUN)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"
