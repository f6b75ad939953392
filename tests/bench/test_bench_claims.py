"""Verdicts on made-up scores."""

import pytest

from ifss_keras.bench.claims import CLAIMS, Claim, half_width_of, judge
from ifss_keras.bench.plan import TABLES
from ifss_keras.bench.references import FIRST, NONE, SPACED

WEAK = Claim("weak", "IV", "IFSS-Net-WS", "IFSS-Net-FS", "dice", factor=0.97)


def test_every_claim_names_rows_and_a_measure_of_its_table():
    for claim in CLAIMS:
        table = TABLES[claim.table]
        assert {claim.better, claim.worse} <= set(dict(table.rows)), claim.text
        assert claim.measure in table.measures, claim.text
    assert len({claim.text for claim in CLAIMS}) == len(CLAIMS) >= 12


def test_the_interval_is_students():
    assert half_width_of([1.0, 2.0, 3.0, 6.0]) == pytest.approx(3.1824463 * 2.1602469 / 2, rel=1e-6)
    assert half_width_of([1.0]) is None


@pytest.mark.parametrize(
    ("better", "worse", "word"),
    [
        ((0.90, 0.92), (0.80, 0.82), "holds"),
        ((0.80, 0.82), (0.90, 0.92), "does not hold"),
        ((0.90, 0.80), (0.80, 0.89), "cannot be told"),
    ],
)
def test_a_claim_is_judged_by_paired_differences(better, worse, word, made_up, tiny_cohort):
    claim = Claim("", "IV", "IFSS-Net-FS", "PG-Net", "dice")
    results = {"IFSS-Net-FS": made_up("IFSS-Net-FS", FIRST, better), "PG-Net": made_up("PG-Net", FIRST, worse)}
    verdict = judge(claim, results, tiny_cohort)
    assert (verdict.word, verdict.volumes) == (word, 2)
    assert verdict.margin == pytest.approx((sum(better) - sum(worse)) / 2)


def test_where_less_is_better_the_smaller_one_wins(made_up, tiny_cohort):
    claim = Claim("", "V", "BiCLSTM", "CLSTM", "asd_mm", SPACED)
    results = {
        "IFSS-Net-WS": made_up("IFSS-Net-WS", SPACED, (0.5, 0.5), asd=1.0),
        "forward ConvLSTM": made_up("forward ConvLSTM", SPACED, (0.5, 0.5), asd=3.0),
    }
    verdict = judge(claim, results, tiny_cohort)
    assert (verdict.word, verdict.margin, verdict.better, verdict.worse) == ("holds", 2.0, 1.0, 3.0)


@pytest.mark.parametrize(("weak", "word"), [((0.893, 0.898), "holds"), ((0.853, 0.858), "does not hold")])
def test_a_share_of_the_other_can_be_claimed(weak, word, made_up, tiny_cohort):
    results = {
        "IFSS-Net-WS": made_up("IFSS-Net-WS", FIRST, weak),
        "IFSS-Net-FS": made_up("IFSS-Net-FS", FIRST, (0.90, 0.905)),
    }
    assert judge(WEAK, results, tiny_cohort).word == word


def test_networks_without_references_are_compared_with_those_that_take_some(made_up, tiny_cohort):
    claim = Claim("", "IV", "IFSS-Net-FS", "Seg-Net-FS", "dice")
    results = {
        "IFSS-Net-FS": made_up("IFSS-Net-FS", FIRST, (0.9, 0.9)),
        "Seg-Net-FS": made_up("Seg-Net-FS", NONE, (0.5, 0.6)),
    }
    assert judge(claim, results, tiny_cohort).margin == pytest.approx(0.35)


def test_muscles_of_one_leg_are_one_observation(made_up, tiny_cohort):
    first = made_up("IFSS-Net-FS", FIRST, (0.9, 0.7))
    both = first.scores + made_up("IFSS-Net-FS", FIRST, (0.5, 0.9), muscle="GM").scores
    results = {
        "IFSS-Net-FS": type(first)(first.row, both),
        "PG-Net": made_up("PG-Net", FIRST, (0.6, 0.6)),
    }
    verdict = judge(Claim("", "IV", "IFSS-Net-FS", "PG-Net", "dice"), results, tiny_cohort)
    assert (verdict.volumes, verdict.better) == (2, pytest.approx(0.75))


def test_what_was_not_run_is_not_judged(made_up, tiny_cohort):
    assert judge(WEAK, {}, tiny_cohort).word == "not run"
    only = {"IFSS-Net-WS": made_up("IFSS-Net-WS", FIRST, (0.5,)), "IFSS-Net-FS": made_up("IFSS-Net-FS", FIRST, ())}
    assert judge(WEAK, only, tiny_cohort).word == "not run"
    one = only | {"IFSS-Net-FS": made_up("IFSS-Net-FS", FIRST, (0.1,))}
    assert judge(WEAK, one, tiny_cohort).word == "cannot be told"
