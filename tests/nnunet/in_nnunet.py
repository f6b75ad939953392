"""Run by a Python that has nnunetv2: its own checks, fingerprint and plan of a raw data set; what it took, as JSON.

python in_nnunet.py NUMBER: of the data set in the folder that nnUNet_raw names.
"""

import json
import os
import sys
from pathlib import Path

from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments
from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
from nnunetv2.utilities.dataset_name_id_conversion import convert_id_to_dataset_name
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets


def main(number):
    extract_fingerprints([number], num_processes=1, check_dataset_integrity=True, verbose=False)
    plan_experiments([number])
    name = convert_id_to_dataset_name(number)
    raw, preprocessed = (Path(os.environ[place]) / name for place in ("nnUNet_raw", "nnUNet_preprocessed"))
    facts = json.loads((raw / "dataset.json").read_text())
    manager = LabelManager(facts["labels"], regions_class_order=None)
    cases = get_filenames_of_train_images_and_targets(str(raw), facts)
    example = next(iter(cases.values()))["images"][0]
    fingerprint = json.loads((preprocessed / "dataset_fingerprint.json").read_text())
    splits = preprocessed / "splits_final.json"
    told = {
        "cases": sorted(cases),
        "labels": [int(label) for label in manager.foreground_labels],
        "ignore": int(manager.ignore_label) if manager.has_ignore_label else None,
        "reader": determine_reader_writer_from_dataset_json(facts, example).__name__,
        "spacings_mm": fingerprint["spacings"],
        "splits": json.loads(splits.read_text()) if splits.exists() else None,
    }
    print(json.dumps(told))


if __name__ == "__main__":  # nnU-Net starts processes anew
    main(int(sys.argv[1]))
