"""IFSS-Net, the siamese recurrent network of the TMI 2021 paper."""

import keras
from keras import ops

from ifss_keras.core.checks import is_positive_integer, require
from ifss_keras.layers import (
    BidirectionalConvLSTM2D,
    CrossCorrelation,
    EncoderLevel,
    GlobalMatching,
    ReferenceMemory,
    Refinement,
)
from ifss_keras.zoo.zoo_model import PropagatingModel, arguments_of, memory_inputs, probabilities

_TEMPORAL = ("bidirectional", "forward", "none")
_FUSIONS = ("matching", "correlation")


def rates_per_level(rates, levels):
    """A tuple of dilation rates for each level, from one tuple for all or one each."""
    require(
        isinstance(rates, tuple | list) and len(rates) > 0,
        f"rates must be one tuple of dilations or one for each level, with a dilation at least, received {rates!r}.",
    )
    each = tuple(rates) if isinstance(rates[0], tuple | list) else (tuple(rates),) * levels
    require(
        len(each) == levels,
        f"rates must be one tuple or one for each of {levels} levels, received {rates!r}.",
    )
    for number, level in enumerate(each, start=1):
        require(
            isinstance(level, tuple | list) and len(level) > 0 and all(map(is_positive_integer, level)),
            f"rates must be positive integers, one at least for every level, received {level!r} for level {number}.",
        )
    return tuple(tuple(level) for level in each)


def encoder_levels(widths, rates, *, first_depth_multiplier, **settings):
    """The `EncoderLevel`s of the encoder, not yet called; `settings` are arguments of all of them."""
    return [
        EncoderLevel(
            width,
            rates=level_rates,
            depth_multiplier=first_depth_multiplier if number == 1 else 1,
            name=f"encoder_{number}",
            **settings,
        )
        for number, (width, level_rates) in enumerate(zip(widths, rates, strict=True), start=1)
    ]


def refined(x, skips, widths, dropout):
    """The decoder's output: for every skip, coarsest first, twice the resolution and a `Refinement`."""
    for number, (width, skip) in enumerate(zip(widths, skips, strict=True), start=1):
        x = keras.layers.Conv3DTranspose(width, 3, (1, 2, 2), padding="same", name=f"up_{number}")(x)
        x = Refinement(width, name=f"refine_{number}")(x, skip)
        x = keras.layers.Dropout(dropout, name=f"drop_{number}")(x)
    return x


@keras.saving.register_keras_serializable("ifss_keras")
class IFSSNet(PropagatingModel):
    """The muscle in a window of slices, from the images, a rough mask of each slice, and the memory so far.

    Data flow (TMI 2021, section III and Fig. 3): an encoder, built once, reads the image and the mask; at
    each level the image's features are added to the mask stream. Global matching joins both at the bottleneck,
    a bidirectional ConvLSTM reads the slices, and the decoder refines with the mask stream's features as skips.

    Call arguments: a dict of
        image: (batch, window, row, column, 1), intensities in [0, 1].
        mask: (batch, window, row, column, 1), the muscle channel only, in [0, 1].
        hidden, cell: (batch, row / 2^levels, column / 2^levels, widths[-1]), memory of the slices before;
            zero at a reference; not with `temporal="none"`.
        memory_image, memory_mask, memory_weight: what `remember` returned, only with a `memory_level`.

    Returns: a dict of
        probabilities: (batch, window, row, column, 2), float32; channel 0 the muscle, 1 the background
            (eq. 2).
        hidden, cell: the forward memory after the window's first slice, for the next window at stride 1; not with
            `temporal="none"`.

    With the defaults it has 3,760,226 parameters, the shared encoder counted once, and takes 32,637,345,792
    multiply-adds per window, the encoder counted twice (`ifss_keras.zoo.complexity.multiply_adds`).

    Departures from the paper, with reasons:
        - Rates dilate in the plane only: in 3 slices a depth tap at rate 3 or more sees only padding.
        - Branch widths add up to the level's width; 30 does not divide by 4.
        - No ReLU before the softmax: with both logits at zero it stops every gradient.
        - Normalisation per slice in the encoder: joint statistics would mix padding and neighbours in.
        - Matching kernel 15 for 16: centred.
        - With a `memory_level` the annotated slices can be looked up, see `ReferenceMemory`; the paper's cannot.
        - The window's memory comes after its first slice, so that stride-1 windows read every slice once.

    Args:
        image_size: (rows, columns), divisible by 2^levels.
        widths: channels of each encoder level; their number is the number of levels.
        rates: in-plane dilations, one tuple for every level or one tuple for each.
        first_depth_multiplier: depth multiplier of level 1, whose input has a single channel.
        encoder_depth_kernel: depth taps of the encoder; 1 encodes every slice by itself.
        norm_per_channel: normalise each channel of a slice by itself in the encoder, see `SliceNormalization`.
        matching_kernel: k of `GlobalMatching`, odd.
        window: number of slices.
        head_width: channels at full resolution.
        temporal: the recurrence: "bidirectional", "forward" alone, or "none" (section IV-C, Ablation 1).
        fusion: "matching" adds the image's features to the mask stream at every level and ends in `GlobalMatching`;
            "correlation" leaves the streams apart, concatenates them, and ends in `CrossCorrelation` (Ablation 3).
        memory_level: level of the encoder, from 1 on, at which annotated slices are looked up; 0: none.
        memory_slots: annotated slices that can be.
        encoder_dropout, memory_dropout, decoder_dropout: rates.

    Raises:
        ValueError: no levels or no rates, sizes that do not divide, or a rate that would reach only padding at
            its level.
    """

    def __init__(
        self,
        *,
        image_size=(512, 512),
        widths=(30, 30, 60, 60, 120),
        rates=(1, 6, 12, 18),
        first_depth_multiplier=8,
        encoder_depth_kernel=3,
        norm_per_channel=False,
        matching_kernel=15,
        window=3,
        head_width=16,
        temporal="bidirectional",
        fusion="matching",
        memory_level=0,
        memory_slots=2,
        encoder_dropout=0.1,
        memory_dropout=0.4,
        decoder_dropout=0.1,
        **kwargs,
    ):
        image_size, widths = _pair_of_sizes(image_size), _widths_of_levels(widths)
        rates = rates_per_level(rates, len(widths))
        arguments = arguments_of(IFSSNet, locals())
        _refuse_what_cannot_work(image_size, widths, rates, matching_kernel, window)
        _refuse_unknown(temporal, fusion)
        require(
            memory_level in range(len(widths) + 1) and is_positive_integer(memory_slots),
            f"memory_level must be a level from 1 to {len(widths)}, or 0 for none, with a slot or more, received "
            f"level {memory_level!r} and {memory_slots!r} slots.",
        )

        # layers
        levels = encoder_levels(
            widths,
            rates,
            first_depth_multiplier=first_depth_multiplier,
            depth_kernel=encoder_depth_kernel,
            norm_per_channel=norm_per_channel,
            dropout=encoder_dropout,
        )

        # functional graph
        state_shape = (image_size[0] >> len(widths), image_size[1] >> len(widths), widths[-1])
        memory = {} if temporal == "none" else {"hidden": state_shape, "cell": state_shape}
        inputs = {name: keras.Input((window, *image_size, 1), name=name) for name in ("image", "mask")}
        inputs |= memory_inputs(memory)
        fused = fusion == "matching"
        encode_references, references = None, {}
        if memory_level:
            encode_references, references = _reference_encoder(levels[:memory_level], image_size, memory_slots, fused)
            inputs |= references
        image, mask, skips = inputs["image"], inputs["mask"], []
        for number, level in enumerate(levels, start=1):
            image, mask = level(image), level(mask)  # the same layer twice: this is the siamese idea
            mask = mask + image if fused else mask
            if number == memory_level:
                mask = ReferenceMemory(name="reference_memory")(image, mask, *references.values())
            skips.append(mask if fused else ops.concatenate([image, mask], axis=-1))
        x, handed_on = _matched(image, mask, matching_kernel, fused), {}
        if memory:
            recurrence = BidirectionalConvLSTM2D(
                widths[-1], state_after=1, backward=temporal != "forward", dropout=memory_dropout, name="recurrence"
            )
            remembered, state = recurrence(x, initial_state=[inputs[name] for name in memory])
            x, handed_on = x + remembered, dict(zip(memory, state, strict=True))
        full_size = ops.concatenate([inputs["image"], inputs["mask"]], axis=-1)
        x = refined(x, (*skips[-2::-1], full_size), (*widths[-2::-1], head_width), decoder_dropout)
        logits = keras.layers.Conv3D(2, 1, name="head")(x)
        outputs = {"probabilities": probabilities(logits, 2), **handed_on}
        multiples = (1, 2 ** len(widths), 2 ** len(widths))
        super().__init__(
            inputs=inputs, outputs=outputs, memory=memory, arguments=arguments, multiples=multiples, **kwargs
        )
        # wrapped, since Keras would count a model that is an attribute, and its layers, twice
        self._encode_references = encode_references and (lambda parts: encode_references(parts, training=False))

    def remember(self, image, mask, weight):
        """What the network keeps of annotated slices, as inputs of every call after it; never with dropout.

        Args:
            image, mask: (batch, memory_slots, row, column, 1), as those of a window.
            weight: (batch, memory_slots), 0 for an empty slot.

        Returns:
            A dict of memory_image, memory_mask and memory_weight; empty without a `memory_level`.
        """
        if not self.memory_level:
            return {}
        image, mask = self._encode_references([image, mask])
        return {"memory_image": image, "memory_mask": mask, "memory_weight": weight}


def _matched(image, mask, kernel, fused):
    """The features of both streams at the bottleneck as one."""
    width = image.shape[-1]
    if not fused:
        return CrossCorrelation(width, reach=kernel // 2, name="correlation")(image, mask)
    return GlobalMatching(width, kernel=kernel, name="matching")(ops.concatenate([image, mask], axis=-1))


def _reference_encoder(levels, image_size, slots, fused):
    """A model from annotated slices to the features of the last of the levels, and inputs for these in the network.

    Every slice is encoded by itself, since annotated slices need not be neighbours.
    """
    shape = (slots, *image_size, 1)
    parts = [keras.Input(shape), keras.Input(shape)]
    image, mask = (ops.reshape(part, (-1, 1, *image_size, 1)) for part in parts)
    for level in levels:
        image = level(image)
        mask = level(mask) + image if fused else level(mask)
    held = (slots, *image.shape[2:])
    model = keras.Model(parts, [ops.reshape(features, (-1, *held)) for features in (image, mask)])
    inputs = {name: keras.Input(held, name=name) for name in ("memory_image", "memory_mask")}
    return model, inputs | {"memory_weight": keras.Input((slots,), name="memory_weight")}


def _pair_of_sizes(image_size):
    require(
        isinstance(image_size, tuple | list) and len(image_size) == 2,
        f"image_size must be (rows, columns), received {image_size!r}.",
    )
    return tuple(image_size)


def _widths_of_levels(widths):
    require(
        isinstance(widths, tuple | list) and len(widths) > 0,
        f"widths must name at least one level, as a tuple of channels, received {widths!r}.",
    )
    return tuple(widths)


def _refuse_unknown(temporal, fusion):
    for name, value, known in (("temporal", temporal, _TEMPORAL), ("fusion", fusion, _FUSIONS)):
        require(value in known, f"{name} must be one of {', '.join(known)}, received {value!r}.")


def _refuse_what_cannot_work(image_size, widths, rates, matching_kernel, window):
    levels = len(widths)
    require(window > 0, f"window must be a positive number of slices, received {window}.")
    require(
        matching_kernel % 2 == 1,
        f"matching_kernel must be odd, so that it is centred, received {matching_kernel}.",
    )
    for axis, size in zip(("rows", "columns"), image_size, strict=True):
        require(
            size > 0 and size % 2**levels == 0,
            f"image_size must have {axis} divisible by {2**levels} for {levels} levels, received {size}.",
        )
    for level, level_rates in enumerate(rates):
        size = min(image_size) >> level
        require(
            max(level_rates) < size,
            f"rates must be below the size of their level, or they reach only padding: "
            f"level {level + 1} is {size} pixels wide, received {level_rates}; choose other rates or a larger "
            "image_size.",
        )
