"""IFSS-Net, the siamese recurrent network of the TMI 2021 paper."""

import keras
from keras import ops

from ifss_keras.core.checks import is_positive_integer, require
from ifss_keras.layers import BidirectionalConvLSTM2D, CrossCorrelation, GlobalMatching, ReferenceMemory
from ifss_keras.zoo.networks.encoder_decoder import Decoder, encoder_levels, rates_per_level
from ifss_keras.zoo.zoo_model import Halves, PropagatingModel, arguments_of, memory_inputs, probabilities

_TEMPORAL = ("bidirectional", "forward", "none")
_FUSIONS = ("matching", "correlation")


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
        memory_slots: annotated slices that can be; training and prediction show two, and take no other number.
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
        recurrence = memory and BidirectionalConvLSTM2D(
            widths[-1], state_after=1, backward=temporal != "forward", dropout=memory_dropout, name="recurrence"
        )
        decoder = Decoder((*widths[-2::-1], head_width), decoder_dropout)
        streams = _Streams(levels, memory_level, _matching(widths[-1], matching_kernel, fused), recurrence, decoder)
        seen = streams.look(inputs["image"], references)
        logits, handed_on = streams.carry(seen, inputs)
        outputs = {"probabilities": probabilities(logits, 2), **handed_on}
        multiples = (1, 2 ** len(widths), 2 ** len(widths))
        super().__init__(
            inputs=inputs, outputs=outputs, memory=memory, arguments=arguments, multiples=multiples, **kwargs
        )
        # wrapped, since Keras would count a model that is an attribute, and its layers, twice
        self._encode_references = encode_references and (lambda parts: encode_references(parts, training=False))
        self._halves = lambda: _halves(streams, self.input)

    def halves(self):
        """See `PropagatingModel.halves`; None where the encoder reads neighbouring slices together."""
        return self._halves() if self.encoder_depth_kernel == 1 else None

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


class _Streams:
    """The layers of the network and how they follow each other: first what the images alone tell, then the rest."""

    def __init__(self, levels, memory_level, matching, recurrence, decoder):
        self.levels = levels
        self.memory = ReferenceMemory(name="reference_memory") if memory_level else None
        self.memory_level = memory_level
        self.matching = matching
        self.recurrence = recurrence
        self.decoder = decoder
        self.head = keras.layers.Conv3D(2, 1, name="head")

    def look(self, image, references):
        """{name: features of the image's slices}: of every level, and what the annotated slices tell of them."""
        seen = {}
        for number, level in enumerate(self.levels, start=1):
            image = seen[f"image_{number}"] = level(image)
            if number == self.memory_level:
                seen["recalled"] = self.memory(image, ops.zeros_like(image), *references.values())
        return seen

    def carry(self, seen, inputs):
        """The logits of the window, and the memory after it, from what was seen, and image, mask and memory."""
        fused, mask, skips = isinstance(self.matching, GlobalMatching), inputs["mask"], []
        for number, level in enumerate(self.levels, start=1):
            image, mask = seen[f"image_{number}"], level(mask)  # the image's layer again: this is the siamese idea
            mask = mask + image if fused else mask
            if number == self.memory_level:
                mask = mask + seen["recalled"]
            skips.append(mask if fused else ops.concatenate([image, mask], axis=-1))
        x = self.matching(ops.concatenate([image, mask], axis=-1)) if fused else self.matching(image, mask)
        handed_on = {}
        if self.recurrence:
            remembered, state = self.recurrence(x, initial_state=[inputs[name] for name in ("hidden", "cell")])
            x, handed_on = x + remembered, dict(zip(("hidden", "cell"), state, strict=True))
        full_size = ops.concatenate([inputs["image"], inputs["mask"]], axis=-1)
        return self.head(self.decoder(x, (*skips[-2::-1], full_size))), handed_on


def _matching(width, kernel, fused):
    """The layer that joins the features of both streams at the bottleneck."""
    if not fused:
        return CrossCorrelation(width, reach=kernel // 2, name="correlation")
    return GlobalMatching(width, kernel=kernel, name="matching")


def _halves(streams, whole):
    """The `Halves` of a network with these inputs."""
    of_references = {name: part for name, part in whole.items() if name.startswith("memory_")}
    slice_by_slice = {"image": keras.Input((1, *whole["image"].shape[2:]), name="image")}
    slice_by_slice |= {name: keras.Input(part.shape[1:], name=name) for name, part in of_references.items()}
    references = {name: slice_by_slice[name] for name in of_references}
    look = keras.Model(slice_by_slice, streams.look(slice_by_slice["image"], references))
    window = whole["image"].shape[1]
    seen = {name: keras.Input((window, *part.shape[2:]), name=name) for name, part in look.output.items()}
    rest = {name: keras.Input(part.shape[1:], name=name) for name, part in whole.items() if name not in of_references}
    logits, handed_on = streams.carry(seen, rest)
    muscle = ops.sigmoid(ops.cast(logits[..., :1] - logits[..., 1:], "float32"))  # the softmax of two
    carry = keras.Model(seen | rest, {"probabilities": muscle, **handed_on})
    return Halves(look, carry)


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
