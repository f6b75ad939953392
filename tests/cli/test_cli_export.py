"""`ifss export`: surfaces and data sets through the command line, what is overwritten, and what is refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from ifss_keras.volumes.io import read_volume, write_labels
from tests.cli.sentences import one_sentence
from tests.datasets.lab import AFFINE, leg_3d_us, stored, volume
from tests.exports.mesh_readers import read_3mf, read_ply, read_stl, read_vtp
from tests.exports.solids import enclosed, open_edges


@pytest.fixture
def mask(case, write_stored):
    """The whole labels of the case, 3 and 7, as a file on an oblique grid of 2.5 x 0.8 x 0.5 mm."""
    path = case.folder / "mask.nii.gz"
    write_stored(path, stored(case.labels), case.affine)
    return path


@pytest.fixture
def millilitres(case):
    """Of the voxels of each label."""
    return {code: np.count_nonzero(case.labels == code) * 0.5 * 0.8 * 2.5 / 1000 for code in (3, 7)}


@pytest.mark.parametrize(("space", "sign"), [("LPS", -1), ("RAS", 1)])
def test_an_stl_for_each_label(mask, millilitres, case, ifss, space, sign):
    output = case.folder / "legs.stl"
    more = () if space == "LPS" else ("--space", "ras")
    outcome = ifss("export", mask, "-o", output, "--label", "3=SOL", *more, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    told = json.loads(outcome.out)
    assert (told["space"], told["unit"]) == (space, "mm")
    assert [(mesh["code"], mesh["name"]) for mesh in told["meshes"]] == [(3, "SOL"), (7, "7")]
    for mesh, path in zip(told["meshes"], (case.folder / "legs_SOL.stl", case.folder / "legs_7.stl"), strict=True):
        vertices, faces, _, header = read_stl(path)
        assert f"SPACE={space}" in header
        assert mesh["file"] == str(path)
        assert (mesh["vertices"], mesh["triangles"], mesh["watertight"]) == (len(vertices), len(faces), True)
        assert len(open_edges(faces)) == 0
        true_ml = millilitres[mesh["code"]]
        assert mesh["voxels_ml"] == pytest.approx(true_ml)
        assert mesh["volume_ml"] == pytest.approx(true_ml, rel=0.005)
        assert enclosed(vertices, faces) / 1000 == pytest.approx(true_ml, rel=0.005)
        indices = np.argwhere(case.labels == mesh["code"])[:, ::-1]
        true_centre = (case.affine @ [*indices.mean(axis=0), 1])[:3] * [sign, sign, 1]
        np.testing.assert_allclose(vertices.mean(axis=0), true_centre, atol=1.0)
    assert not output.exists()


def test_one_file_for_all_labels(mask, millilitres, case, ifss):
    found = {}
    for suffix, read in ((".ply", read_ply), (".vtp", read_vtp), (".3mf", read_3mf)):
        path = case.folder / f"legs{suffix}"
        outcome = ifss("export", mask, "-o", path, "--label", "3=SOL", "--label", "7=GM", "--smoothing-mm", 1)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.endswith(f"Wrote {path}.\n")
        assert f"{millilitres[3]:.3f}" in outcome.out
        found[suffix] = read(path)
    solids, _ = found[".3mf"]
    assert list(solids) == ["SOL", "GM"]
    label = found[".ply"][2]
    for code, (vertices, faces, _) in zip((3, 7), solids.values(), strict=True):
        assert enclosed(vertices, faces) / 1000 == pytest.approx(millilitres[code], rel=0.005)
        of_ply, of_vtp = (enclosed(found[s][0], found[s][1][label == code]) / 1000 for s in (".ply", ".vtp"))
        assert of_ply == of_vtp == pytest.approx(millilitres[code], rel=0.005)


def test_names_and_colours_are_those_of_the_segments(case, ifss):
    path, image = case.folder / "mask.seg.nrrd", read_volume(case.image)
    write_labels(path, case.labels, image, {3: "SOL", 7: "GM"}, {3: (10, 20, 30), 7: (40, 50, 60)})
    assert ifss("export", path, "-o", case.folder / "m.3mf", "--label", "7=gastrocnemius").code == 0
    solids, _ = read_3mf(case.folder / "m.3mf")
    assert {name: solid[2] for name, solid in solids.items()} == {"SOL": "#0A141E", "gastrocnemius": "#28323C"}


def test_a_spacing_that_is_given_counts(mask, millilitres, case, ifss):
    outcome = ifss("export", mask, "-o", case.folder / "m.ply", "--spacing-mm", "5,0.8,0.5", "--json")
    for mesh in json.loads(outcome.out)["meshes"]:
        assert mesh["voxels_ml"] == pytest.approx(2 * millilitres[mesh["code"]])
        assert mesh["volume_ml"] == pytest.approx(mesh["voxels_ml"], rel=0.005)


def test_earlier_surfaces_of_the_same_mask_are_replaced_and_nothing_else(mask, case, ifss, snapshot, write_stored):
    arguments = ("export", mask, "-o", case.folder / "m.stl")
    assert ifss(*arguments).code == 0
    assert {path.name for path in case.folder.glob("m*.stl*")} == {"m_3.stl", "m_7.stl", "m.stl.ifss.json"}
    assert ifss(*arguments, "--smoothing-mm", 1).code == 0
    (case.folder / "m_7.stl").write_text("mine")
    before = snapshot(case.folder)
    assert "m_7.stl is there already and was changed" in one_sentence(ifss(*arguments))
    assert snapshot(case.folder) == before
    assert ifss(*arguments, "--force").code == 0
    write_stored(case.folder / "other.nii.gz", stored(case.labels * 2), case.affine)
    (case.folder / "m_6.stl").write_text("mine")
    outcome = ifss("export", case.folder / "other.nii.gz", "-o", case.folder / "m.stl")
    assert "m_6.stl is there already and is not known to be written by ifss" in one_sentence(outcome)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{mask}", "-o", "{folder}/m.obj"), "m.obj has an unknown extension: expected one of .stl, .ply, .vtp, .3mf"),
        (("{mask}", "-o", "{folder}/no/m.stl"), "expected an existing folder"),
        (("{mask}", "-o", "{folder}/m.stl", "--label", "9=SOL"), "has no label 9: expected one of 3, 7"),
        (("{mask}", "-o", "{folder}/m.stl", "--max-gb", "0.00001"), "GB of memory"),
        (("{mask}", "-o", "{folder}/m.stl", "--sparse"), "--sparse does not go without --nnunet"),
        (("{mask}", "-o", "{folder}/m.stl", "--smoothing-mm", "0"), "smoothing-mm"),
        (("{image}", "-o", "{folder}/m.stl"), "looks like an image"),
        (("{folder}/none.mha", "-o", "{folder}/m.stl"), "does not exist"),
        (("{folder}", "--nnunet", "-o", "{folder}/legs"), "no name of a data set of nnU-Net"),
        (("{folder}/none", "--nnunet", "-o", "{folder}/Dataset501_A"), "does not exist"),
        (("{folder}", "--nnunet", "-o", "{folder}/no/Dataset501_A"), "is missing or protected"),
        (("{folder}", "--nnunet", "-o", "{folder}/Dataset501_A", "--force"), "--force does not go with --nnunet"),
        (("{folder}", "--nnunet", "-o", "{folder}/Dataset501_A", "--space", "RAS"), "--space does not go with"),
    ],
)  # fmt: skip
def test_bad_usage_is_one_sentence_and_leaves_nothing(arguments, said, mask, case, ifss, snapshot):
    before = snapshot(case.folder)
    places = {"mask": mask, "image": case.image, "folder": case.folder}
    outcome = ifss("export", *(str(argument).format(**places) for argument in arguments))
    assert said in one_sentence(outcome)
    assert snapshot(case.folder) == before


@pytest.fixture
def legs(tmp_path, write_stored):
    leg_3d_us(write_stored, tmp_path / "legs", (1, 2, 3))
    return tmp_path / "legs"


def test_a_data_set_for_nnunet(tmp_path, legs, ifss):
    folder = tmp_path / "Dataset501_Legs"
    outcome = ifss("export", "--nnunet", legs, "-o", folder, "--sparse", "--label", "100=soleus", "--licence", "CC0")
    assert (outcome.code, outcome.err) == (0, "")
    said = "3 volumes to train on in imagesTr, 0 in imagesTs; 0=background, 1=soleus, 2=GM, 3=ignore."
    assert outcome.out == f"Wrote {folder}: {said}\n"
    assert json.loads((folder / "dataset.json").read_text())["licence"] == "CC0"
    assert sorted(path.name for path in folder.iterdir()) == ["cases.csv", "dataset.json", "imagesTr", "labelsTr"]
    assert "is there already" in one_sentence(ifss("export", "--nnunet", legs, "-o", folder))
    outcome = ifss("export", "--nnunet", legs, "-o", tmp_path / "Dataset502_Legs", "--json")
    assert json.loads(outcome.out) == {
        "folder": str(tmp_path / "Dataset502_Legs"),
        "training": 3,
        "test": 0,
        "labels": {"background": 0, "SOL": 1, "GM": 2},
    }


def test_a_faulty_volume_leaves_nothing(tmp_path, legs, ifss, write_stored):
    write_stored(legs / "masksX3.mha", stored(volume(3)[1][1:]), AFFINE)
    before = sorted(path.name for path in tmp_path.iterdir())
    outcome = ifss("export", "--nnunet", legs, "-o", tmp_path / "Dataset501_Legs")
    assert "masksX3.mha lies on another grid" in one_sentence(outcome)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


# the process dies where the n-th volume or the folder is to get its name
DYING = """
import os, signal, sys
from ifss_keras.cli.main import main
left = [int(sys.argv[1])]
def dying(original):
    def call(*arguments):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    return call
os.replace, os.rename = dying(os.replace), dying(os.rename)
main(sys.argv[2:])
"""


@pytest.mark.parametrize("moment", [1, 5, 10])  # of 3 images, 3 labels, 3 labels again, and the folder
def test_a_killed_export_has_no_name_and_is_gone_after_the_next(moment, tmp_path, legs, ifss):
    folder = tmp_path / "Dataset501_Legs"
    arguments = ["export", "--nnunet", str(legs), "-o", str(folder)]
    process = subprocess.run([sys.executable, "-c", DYING, str(moment), *arguments], env=os.environ, check=False)
    assert process.returncode == -9
    assert not folder.exists()
    assert ifss(*arguments).code == 0
    assert len(list(folder.rglob("*.nii.gz"))) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Dataset501_Legs", "legs"]
