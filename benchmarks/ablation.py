"""What each part of the method is worth: one part changed at a time, the same budget of training for each row.

    python benchmarks/ablation.py [--steps 200] [--folder ../shared/data] [--output ablation]

Every row trains the recipe below from nothing for `--steps` steps, on the same synthetic volumes, and is measured on
synthetic volumes that neither training nor any other choice has seen, and on the ultrasound volume of `--folder`,
annotated every 10 slices (calves: every 50). The row of one direction uses the first row's weights. About an hour and
a half on 2 cores.
"""

import argparse
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from hard_calves import references_of, spaced_slices, tapering_calves
from propagation import every_so_often, real_volume
from yardstick import predict_by_yardstick

from ifss_keras.inference.predictor import Predictor
from ifss_keras.metrics.overlap import dice
from ifss_keras.synthetic import calf, crowded_structures
from ifss_keras.training.examples.corpus import save_volume, synthetic_phantom
from ifss_keras.training.recipe import Corpus, PropagationRecipe, read_recipe
from ifss_keras.training.run import BEST_WEIGHTS, train
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, load_network

RECIPE = Path(__file__).parents[1] / "zoo" / "ifss_synthetic_v5" / "recipe.yaml"
FIRST_SEED = 930_000
REAL = "lower_leg_us"
BLUNT = "calves without tapering"
CORPUS = {
    "training": {"calf": 24, "shapes": 4, "structures": 24},
    "validation": {"calf": 1, "shapes": 0, "structures": 0},
}
CHANGES = {  # name of a row: keys of the recipe that it changes
    "the method": {},
    "no anchor": {"propagation": {"softness": None}},
    "anchor of fixed softness": {"propagation": {"softness": {"start": 2.0, "per_slice": 0.0, "per_change": 0.0}}},
    "anchor that knows slices only": {"propagation": {"softness": {"per_change": 0.0}}},
    "no reference memory": {"network": {"memory_level": 0}},
    "no recurrence": {"propagation": {"recurrent": False}},
    "calves only": {"training": {"calf": 52, "shapes": 0, "structures": 0}},
    "no area curve": {"propagation": {"anchor_area": False, "final_area": False}},
    "no border draw": {"clips": {"border_mm": 0.0}},
    BLUNT: {},
}
CUTS = {  # settings of the released network
    "- no area curve": {"anchor_area": False, "final_area": False},
    "- in the anchor only": {"final_area": False},
    "- in the final area only": {"anchor_area": False},
}


def recipe_of(changes: dict, steps: int) -> PropagationRecipe:
    """The default recipe with some keys changed, for so many steps."""
    held = read_recipe(RECIPE).model_dump()
    for change in (CORPUS, changes):
        held = merged(held, change)
    held |= {"name": "ablation", "epochs": 1, "steps_per_epoch": steps, "validation_steps": 1}
    return PropagationRecipe(**held)


def merged(held: dict, changes: dict) -> dict:
    """The one with the values of the other, at every depth."""
    inner = {key: merged(held[key], value) for key, value in changes.items() if isinstance(value, dict)}
    return held | changes | inner


def trained(name: str, steps: int, output: Path) -> Predictor:
    """A predictor for one row; a row whose weights are there is not trained again."""
    folder, recipe = output / name.replace(" ", "_"), recipe_of(CHANGES[name], steps)
    corpus = output / "corpus"
    if name == BLUNT:
        corpus = output / "blunt"
        make_blunt(recipe.training, corpus / "training")
    if not (folder / BEST_WEIGHTS).exists():
        train(recipe, folder, corpus_folder=corpus)
    return Predictor.from_preset(folder)


def make_blunt(corpus: Corpus, folder: Path) -> None:
    """Calves whose muscles end bluntly in the files where a training looks for its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in corpus.seeds("calf"):
        path = folder / f"calf_{seed:06d}.npz"
        if not path.exists():
            slices, size, _ = synthetic_phantom("calf", seed).labels.shape
            made = calf(seed, slices=slices, size=size, ends="blunt")
            save_volume(path, made.image, made.labels, made.spacing_mm)


def measured_volumes(folder: Path | None, every: int = 10):
    """{kind: [(labelled volume, its references)]}."""
    kinds = {"calves": [], "structures": [], "real": []}
    for phantom, drawn in islice(tapering_calves(FIRST_SEED), 2):
        chosen = references_of(drawn, phantom.names, lambda a: spaced_slices(np.flatnonzero(a), 50))
        kinds["calves"].append((phantom, chosen))
    sources = [("structures", crowded_structures(seed)) for seed in range(FIRST_SEED, FIRST_SEED + 2)]
    if folder:
        sources.append(("real", real_volume(folder / REAL, 20)))
    for kind, labelled in sources:
        codes = [code for code in labelled.names if (labelled.labels == code).any(axis=(1, 2)).sum() >= 20]
        codes = codes[:: max(len(codes) // 6, 1)]
        kept = replace(labelled, names={code: labelled.names[code] for code in codes})
        chosen = references_of(kept.labels, kept.names, lambda areas: every_so_often(areas, every))
        kinds[kind].append((kept, chosen))
    return kinds


def error(labels, labelled) -> float:
    return 1 - float(np.mean([dice(labels == code, labelled.labels == code) for code in labelled.names]))


def row(predictor: Predictor, volumes) -> dict[str, float]:
    """Error over that of straight shape interpolation, the mean over the volumes of each kind."""
    ratios = {}
    for kind, held in volumes.items():
        found = []
        for labelled, references in held:
            volume = Volume.from_array(labelled.image, labelled.spacing_mm)
            labels = predictor.predict(volume, references).labels
            by_shape = error(predict_by_yardstick("straight", volume, references).labels, labelled)
            found.append(error(labels, labelled) / by_shape)
        if found:
            ratios[kind] = float(np.mean(found))
    return ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("ablation"))
    parser.add_argument("--rows", nargs="+", choices=list(CHANGES), metavar="ROW", help="only these trained ones")
    options = parser.parse_args()
    volumes = measured_volumes(options.folder)
    volumes = {kind: held for kind, held in volumes.items() if held}
    print(f"{'error over that of straight interpolation':41s}", *(f"{kind:>11s}" for kind in volumes))

    def show(name, ratios):
        print(f"{name:41s}", *(f"{ratios[kind]:11.3f}" for kind in volumes), flush=True)

    for name in options.rows or CHANGES:
        predictor = trained(name, options.steps, options.output)
        show(name, row(predictor, volumes))
    if options.rows:
        return
    predictor = trained("the method", options.steps, options.output)
    one = Predictor(predictor.runner.engine, replace(predictor.settings, both_directions=False))
    show("one direction", row(one, volumes))
    released, network = Predictor.from_preset(), load_network(find_preset(DEFAULT_PRESET))
    show("released network", row(released, volumes))
    for name, changes in CUTS.items():
        show(name, row(Predictor.of_network(network, replace(released.settings, **changes)), volumes))


if __name__ == "__main__":
    main()
