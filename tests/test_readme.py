"""What the README gives to copy can be used."""

import re
from pathlib import Path

import yaml

from ifss_keras.training.build import build_trainer
from ifss_keras.training.recipe import recipe_from

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_its_recipe_is_one_that_a_network_can_be_built_by():
    (block,) = re.findall(r"```yaml\n(name: .*?)```", README, flags=re.DOTALL)
    recipe = recipe_from(yaml.safe_load(block))
    assert (recipe.steps_per_epoch, recipe.epochs, recipe.data.path) == (50, 10, "legs")
    assert build_trainer(recipe).network.count_params() > 500_000


def test_pages_that_it_links_to_are_there():
    root = Path(__file__).parents[1]
    for place in re.findall(r"\]\((docs/[^)#]+)", README):
        assert (root / place).is_file(), place
