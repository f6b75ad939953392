"""The coded terms of muscles, as DICOM PS3.16 has them, found by the names and abbreviations that labels have.

SNOMED CT has codes for them all, but those that DICOM lists (and so pydicom, by which the tests check each code here)
lack the limbs: these are from CID 3031, in ISO/IEEE 11073-10101 (MDC), which has each muscle, its left and its right
one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MDC, _SCT = "MDC", "SCT"
_MDC_SIDES = {"left": 1, "right": 2}  # added to the code of a muscle
_SIDES = {"left": "left", "l": "left", "lt": "left", "right": "right", "r": "right", "rt": "right"}
_FILLER = {"muscle", "muscles", "musculus", "m", "of", "the", "caput", "head", "structure"}


@dataclass(frozen=True)
class Term:
    """A coded concept: its value, the scheme that it is of, and its meaning."""

    value: str
    scheme: str
    meaning: str


TISSUE = Term("85756007", _SCT, "Tissue")
ANATOMICAL_STRUCTURE = Term("91723000", _SCT, "Anatomical Structure")
SKELETAL_MUSCLE = Term("127954009", _SCT, "Skeletal muscle")

# Number in MDC partition 7, meaning, and the names and abbreviations by which labels are known, in small letters.
_MUSCLES: tuple[tuple[int, str, str], ...] = (
    (932, "Musculus soleus", "soleus, sol, so"),
    (920, "Musculus gastrocnemius", "gastrocnemius, gastroc, gas, gastrocs"),
    (928, "Musculus gastrocnemius Caput mediale", "gastrocnemius medialis, medial gastrocnemius, gm, mg, gmed"),
    (
        924,
        "Musculus gastrocnemius Caput laterale",
        "gastrocnemius lateralis, lateral gastrocnemius, gl, lg, glat",
    ),
    (916, "Musculustriceps surae", "triceps surae, ts"),
    (936, "Musculus plantaris", "plantaris"),
    (940, "Musculus popliteus", "popliteus, pop"),
    (892, "Musculus tibialis anterior", "tibialis anterior, anterior tibialis, ta, tiba, tib ant"),
    (944, "Musculus tibialis posterior", "tibialis posterior, posterior tibialis, tp, tibp, tib post"),
    (896, "Musculus extensor digitorum longus", "extensor digitorum longus, edl"),
    (900, "Musculus extensor hallucis longus", "extensor hallucis longus, ehl"),
    (948, "Musculus flexor digitorum longus", "flexor digitorum longus, fdl"),
    (908, "Musculus peroneus longus", "peroneus longus, fibularis longus, pl, perl"),
    (912, "Musculus peroneus brevis", "peroneus brevis, fibularis brevis, pb, perb"),
    (832, "Musculus quadriceps femoris", "quadriceps femoris, quadriceps, quads, quad, qf"),
    (836, "Musculus rectus femoris", "rectus femoris, rf"),
    (840, "Musculus vastus lateralis", "vastus lateralis, lateral vastus, vl"),
    (844, "Musculus vastus intermedius", "vastus intermedius, intermediate vastus, vi"),
    (848, "Musculus vastus medialis", "vastus medialis, medial vastus, vm"),
    (872, "Musculus biceps femoris", "biceps femoris, bf"),
    (876, "Musculus biceps femoris Caput longum", "biceps femoris long, biceps femoris longum, bflh"),
    (880, "Musculus biceps femoris Caput breve", "biceps femoris short, biceps femoris breve, bfsh"),
    (884, "Musculus semitendinosus", "semitendinosus, st"),
    (888, "Musculus semimembranosus", "semimembranosus, sm"),
    (828, "Musculus sartorius", "sartorius, sar, sart"),
    (868, "Musculus gracilis", "gracilis, gr, grac"),
    (860, "Musculus adductor brevis", "adductor brevis, ab"),
    (856, "Musculus adductor longus", "adductor longus, al"),
    (864, "Musculus adductor magnus", "adductor magnus, am"),
    (852, "Musculus pectineus", "pectineus"),
    (796, "Musculus gluteus maximus", "gluteus maximus, gmax"),
    (800, "Musculus gluteus medius", "gluteus medius"),
    (804, "Musculus gluteus minimus", "gluteus minimus, gmin"),
    (808, "Musculus tensor fasciae latae", "tensor fasciae latae, tensor fascia lata, tensor fascia latae, tfl"),
    (812, "Musculus piriformis", "piriformis"),
    (824, "Musculus quadratus femoris", "quadratus femoris"),
    (792, "Musculus iliopsoas", "iliopsoas"),
    (508, "Musculi multifidii", "multifidus, multifidi, mf"),
    (576, "Musculus quadratus lumborum", "quadratus lumborum, ql"),
    (560, "Musculus rectus abdominis", "rectus abdominis, ra"),
    (564, "Musculus obliquus externus abdominis", "external oblique, obliquus externus abdominis, eo"),
    (568, "Musculus obliquus internus abdominis", "internal oblique, obliquus internus abdominis, io"),
    (572, "Musculus transversus abdominis", "transversus abdominis, transverse abdominis, tra"),
    (472, "Musculus erector spinae", "erector spinae, es"),
    (604, "Musculus deltoideus", "deltoid, deltoideus, del"),
    (608, "Musculus supraspinatus", "supraspinatus, ssp"),
    (612, "Musculus infraspinatus", "infraspinatus, isp"),
    (624, "Musculus subscapularis", "subscapularis, ssc"),
    (628, "Musculus biceps brachii", "biceps brachii, bb"),
    (632, "Musculus brachialis", "brachialis"),
    (640, "Musculus triceps brachii", "triceps brachii, tb"),
    (692, "Musculus brachioradialis", "brachioradialis"),
)
_BONES: tuple[tuple[str, str, str], ...] = (
    ("87342007", "Fibula", "fibula"),
    ("12611008", "Tibia", "tibia"),
    ("71341001", "Femur", "femur"),
)
_MDC_OF = {name: (number, meaning) for number, meaning, names in _MUSCLES for name in names.split(", ")}
_BONE_OF = {name: Term(value, _SCT, meaning) for value, meaning, name in _BONES}


def terms_of(name: str) -> tuple[Term, Term]:
    """The category and the type of what a label is called, whatever its case, word signs and side.

    A name that is not known is a skeletal muscle if it says muscle, else tissue.
    """
    words = re.findall(r"[a-z]+", name.lower())
    sides = {_SIDES[word] for word in words if word in _SIDES}
    said = " ".join(word for word in words if word not in _SIDES and word not in _FILLER)
    if said in _BONE_OF:
        return ANATOMICAL_STRUCTURE, _BONE_OF[said]
    if said in _MDC_OF:
        return ANATOMICAL_STRUCTURE, _muscle(*_MDC_OF[said], sides)
    if {"muscle", "muscles", "musculus"} & set(words):
        return ANATOMICAL_STRUCTURE, SKELETAL_MUSCLE
    return TISSUE, TISSUE


def _muscle(number: int, meaning: str, sides: set[str]) -> Term:
    """That of one side, if it is said, or of a muscle on either."""
    if len(sides) != 1:
        return Term(f"7:{number}", _MDC, meaning)
    side = next(iter(sides))
    return Term(f"7:{number + _MDC_SIDES[side]}", _MDC, f"{meaning}, {side}")
