"""Each code of the table against the dictionaries of DICOM that pydicom carries."""

import pytest
from pydicom.sr.codedict import codes

from ifss_keras.volumes.formats.dicom.muscle_codes import (
    _BONES,
    _MUSCLES,
    ANATOMICAL_STRUCTURE,
    SKELETAL_MUSCLE,
    TISSUE,
    Term,
    terms_of,
)

OF_DICOM = {
    (code.value, code.scheme_designator): code.meaning
    for code in (getattr(codes.cid3031, name) for name in codes.cid3031.dir())
}


@pytest.mark.parametrize(("number", "meaning", "names"), _MUSCLES)
def test_every_muscle_is_in_dicoms_own_list(number, meaning, names):
    assert OF_DICOM[f"7:{number}", "MDC"] == meaning
    for name in names.split(", "):
        assert terms_of(name.upper())[1] == Term(f"7:{number}", "MDC", meaning)
    for side in ("left", "right"):
        term = terms_of(f"{side}_{names.split(', ')[0]}")[1]
        assert OF_DICOM[term.value, term.scheme] == term.meaning == f"{meaning}, {side}"


def test_no_name_is_of_two():
    names = [name for _, _, held in _MUSCLES for name in held.split(", ")]
    assert len(names) == len(set(names))


def test_other_codes_are_in_snomed_as_dicom_has_it():
    known = {getattr(codes.SCT, name).value: name for name in codes.SCT.dir()}
    held = {"85756007": "Tissue", "91723000": "AnatomicalStructure", "127954009": "SkeletalMuscle"}
    held |= {value: meaning for value, meaning, _ in _BONES}
    for value, keyword in held.items():
        assert getattr(codes.SCT, keyword).value == value
        assert value in known


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOL", "7:932"),
        ("sol", "7:932"),
        ("Soleus muscle", "7:932"),
        ("GM", "7:928"),
        ("Gastrocnemius, medial head", None),
        ("Medial gastrocnemius (R)", "7:930"),
        ("gastrocnemius_lateralis-L", "7:925"),
        ("M. vastus lateralis", "7:840"),
        ("RF_left", "7:837"),
        ("biceps femoris long head", "7:876"),
        ("fibula", "87342007"),
        ("some muscle", "127954009"),
        ("150", "85756007"),
        ("left", "85756007"),
    ],
)
def test_names_as_labs_have_them(name, value):
    category, kind = terms_of(name)
    assert kind.value == (value or "85756007")
    assert category == (TISSUE if kind == TISSUE else ANATOMICAL_STRUCTURE)
    assert SKELETAL_MUSCLE.value != TISSUE.value
