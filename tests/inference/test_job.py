"""A job from files to files, as Python sees it."""

import json

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.data.io import read_labels, write_labels, write_volume
from ifss_keras.data.volume import Volume
from ifss_keras.inference import job as job_module
from ifss_keras.inference.job import Job, result_dict, run_info, run_job
from ifss_keras.zoo.presets import DEFAULT_PRESET

SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture
def job(tmp_path, two_muscles):
    """A job by shape interpolation, its files written."""
    image, labels = two_muscles
    volume = Volume.from_array(image, SPACING_MM)
    references = np.zeros_like(labels)
    references[[2, 10]] = labels[[2, 10]]
    write_volume(tmp_path / "image.mha", image, volume)
    write_labels(tmp_path / "reference.seg.nrrd", references, volume, {3: "GM", 7: "SOL"})
    names = {"image": "image.mha", "reference": "reference.seg.nrrd", "output": "mask.nii.gz"}
    return Job(**{key: tmp_path / name for key, name in names.items()}, method="shape")


def test_the_written_mask_is_the_prediction(job):
    result = run_job(job)
    np.testing.assert_array_equal(read_labels(job.output).array, result.prediction.labels)
    np.testing.assert_array_equal(result.volume.spacing_mm, SPACING_MM)
    assert result.names == {3: "GM", 7: "SOL"}


def test_result_dict_is_json_and_holds_the_summaries(job):
    result = run_job(job)
    told = result_dict(job, result)
    assert json.loads(json.dumps(told)) == told
    for label, summary in zip(told["labels"], result.prediction.summaries, strict=True):
        assert label["reference_slices"] == [2, 10]
        assert (label["references"], label["name"]) == (2, summary.name)
        assert label["volume_ml"] == summary.volume_ml > 0
        assert label["spline_volume_ml"] == summary.spline_volume_ml > 0


def test_source_of_weights_is_what_was_used(job, tmp_path):
    given = {"image": job.image, "reference": job.reference, "output": job.output}
    assert Job(**given).source_of_weights == DEFAULT_PRESET
    assert Job(**given, weights=tmp_path / "a.weights.h5").source_of_weights == str(tmp_path / "a.weights.h5")
    assert "shape" in Job(**given, weights=tmp_path / "a.weights.h5", method="shape").source_of_weights


def test_the_report_knows_the_run(job, tmp_path):
    info = run_info(job, run_job(job))
    assert (info.image_path, info.output_path) == (str(job.image), str(job.output))
    assert info.shape == (13, 20, 24)
    assert {"ifss_keras", "keras", "tensorflow", "numpy"} <= set(info.versions)


def test_nothing_is_written_when_the_work_fails(job, tmp_path, monkeypatch):
    before = {path.name for path in tmp_path.iterdir()}

    def fail(*arguments, **options):
        raise InputError("The work failed.")

    monkeypatch.setattr("ifss_keras.inference.shape.predict_by_shape", fail)
    with pytest.raises(InputError, match="The work failed"):
        run_job(job)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_what_cannot_be_written_is_refused_before_anything_is_read(job, tmp_path, monkeypatch):
    def read(*arguments, **options):
        raise AssertionError("read before the output was checked")

    monkeypatch.setattr(job_module, "read_volume", read)
    given = {"image": job.image, "reference": job.reference, "method": "shape"}
    with pytest.raises(InputError, match="unknown extension"):
        run_job(Job(**given, output=tmp_path / "mask.jpg"))
    with pytest.raises(InputError, match="would overwrite the input"):
        run_job(Job(**given, output=job.image))
    with pytest.raises(InputError, match="report folder"):
        run_job(Job(**given, output=job.output, report=job.image))
