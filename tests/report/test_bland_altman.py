"""Pictures of differences against means, and the page that holds them."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from ifss_keras.metrics.raters import Measurement, compare_raters
from ifss_keras.report.agreement import write_agreement_report
from ifss_keras.report.bland_altman import MOST_PANELS, PANEL_INCHES, bland_altman_png, panels_of
from ifss_keras.report.canvas import DPI
from ifss_keras.report.run_info import AgreementRunInfo


def agreement(n_raters, rater="R", muscle="SOL"):
    rng = np.random.default_rng(3)
    return compare_raters(
        [
            Measurement(f"P{subject}", f"{rater}{number}", "", muscle, float(rng.uniform(50, 60)))
            for number in range(n_raters)
            for subject in range(5)
        ]
    )


def height(png):
    return Image.open(io.BytesIO(png)).height


def test_a_panel_for_every_two_raters():
    panels = panels_of(agreement(4).comparisons)
    assert [(panel.first, panel.second) for panel in panels] == [
        ("R0", "R1"), ("R0", "R2"), ("R0", "R3"), ("R1", "R2"), ("R1", "R3"), ("R2", "R3"),
    ]  # fmt: skip
    np.testing.assert_array_equal(panels[1].second_ml, agreement(4).comparisons[0].volumes_ml[:, 2])
    assert height(bland_altman_png(panels)) == round(2 * PANEL_INCHES * DPI)
    assert height(bland_altman_png(panels[:3])) == round(PANEL_INCHES * DPI)


def test_the_same_volumes_give_the_same_picture_and_swapped_ones_another():
    (panel,) = panels_of(agreement(2).comparisons)
    swapped = replace(panel, first_ml=panel.second_ml, second_ml=panel.first_ml)
    assert bland_altman_png([panel]) == bland_altman_png([panel])
    assert bland_altman_png([panel]) != bland_altman_png([swapped])


def test_names_are_shown_as_they_are_and_a_crowd_is_cut(tmp_path):
    found = agreement(12, rater="<b>$x_1$\udcff", muscle="$\\frac{")
    run = AgreementRunInfo(measured_paths=("raters.csv",), seconds=1.0, date="2026-01-02 03:04")
    write_agreement_report(tmp_path, found, run)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;$x_1$?0" in page
    assert "<b>" not in page
    assert f"{12 * 11 // 2 - MOST_PANELS} more pairs are in limits.csv" in page
    assert height((tmp_path / "bland_altman.png").read_bytes()) == round(MOST_PANELS / 3 * PANEL_INCHES * DPI)
    for other in ("http://", "https://", 'src="b', "href"):
        assert other not in page
