"""The losses that a recipe can name, known without Keras."""

LOSSES = ("parametric_tversky", "tversky", "dice", "squared_dice", "sequence_dice", "cross_entropy")
