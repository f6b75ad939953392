"""A job from files to files, as Python sees it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.jobs import predict as job_module
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.predict import run_info, run_job
from ifss_keras.volumes.io import read_labels, write_labels, write_volume
from ifss_keras.volumes.volume import Volume
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
    prediction = run_job(job).prediction
    np.testing.assert_array_equal(read_labels(job.output).array, prediction.labels)
    np.testing.assert_array_equal(prediction.volume.spacing_mm, SPACING_MM)
    assert prediction.names == {3: "GM", 7: "SOL"}


def test_the_result_is_json_and_holds_the_run_and_the_prediction(job):
    result = run_job(job)
    told = result.to_dict()
    assert told.pop("provenance") == result.provenance.to_dict()
    assert json.loads(json.dumps(told)) == told
    run = {"image": str(job.image), "reference": str(job.reference), "output": str(job.output), "method": "shape"}
    run |= {"weights": "none (shape interpolation)", "seconds": round(result.seconds, 2)}
    run |= {"subject": None, "previous": None, "reference_offset": [0, 0, 0], "reference_by_shape": False}
    assert told == run | result.prediction.to_dict()
    assert (told["shape"], told["warnings"]) == ([13, 20, 24], list(result.prediction.warnings))
    for label, summary in zip(told["labels"], result.prediction.summaries, strict=True):
        assert label["reference_slices"] == [2, 10]
        assert (label["references"], label["name"]) == (2, summary.name)
        assert label["volume_ml"] == summary.volume_ml > 0
        assert label["curve_volume_ml"] == summary.curve_volume_ml > 0


def test_source_of_weights_is_what_was_used(job):
    given = {"image": job.image, "reference": job.reference, "output": job.output}
    assert Job(**given).source_of_weights == DEFAULT_PRESET
    assert Job(**given, preset="runs/mine").source_of_weights == "runs/mine"
    assert "shape" in Job(**given, preset="runs/mine", method="shape").source_of_weights
    assert Job(**given, method="watershed").source_of_weights == "none (watershed)"


def test_the_report_knows_the_run(job):
    info = run_info(run_job(job))
    assert (info.image_path, info.reference_path, info.output_path) == tuple(
        map(str, (job.image, job.reference, job.output))
    )
    assert (info.preset, info.method) == ("none (shape interpolation)", "shape")
    parameters = {"complete": False, "ends annotated": False, "labels": {}}
    assert info.parameters == parameters
    assert {"ifss_keras", "keras", "tensorflow", "numpy"} <= set(info.versions)


def test_nothing_is_written_when_the_work_fails(job, tmp_path, monkeypatch):
    before = {path.name for path in tmp_path.iterdir()}

    def fail(*arguments, **options):
        raise InputError("The work failed.")

    monkeypatch.setattr("ifss_keras.inference.interpolation.predict_by_shape", fail)
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
    with pytest.raises(InputError, match=r"The folder .*image\.mha is a file"):
        run_job(Job(**given, output=job.output, report=job.image))
    with pytest.raises(InputError, match="The report and the mask cannot both be"):
        run_job(Job(**given, output=job.output, report=job.output))


@pytest.mark.parametrize(
    ("more", "setting", "said"),
    [
        ({"preset": DEFAULT_PRESET}, "preset", "The method shape uses no network: leave out the preset"),
        ({"reference": None}, "reference", "There is no reference"),
        ({"reference": None, "method": "network"}, "reference", "There is no reference"),
        ({"labels": {9: "GL"}}, "labels", "label 9"),
    ],
)
def test_what_can_mend_a_refusal_is_named(more, setting, said, job):
    with pytest.raises(InputError, match=said) as refusal:
        run_job(replace(job, **more))
    assert refusal.value.setting == setting
    assert not job.output.exists()


def test_a_report_that_cannot_be_written_is_told_of_after_the_mask(job, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ifss_keras.report.html.write_report", full)
    with pytest.raises(InputError, match=r"The mask .*mask\.nii\.gz is written, but not its report: .*No space left"):
        run_job(replace(job, report=tmp_path / "report"))
    assert read_labels(job.output).array.any()
