"""IFSS-Net, the siamese recurrent network of the TMI 2021 paper."""

import keras
from keras import ops

from ifss_keras.core.checks import is_positive_integer, require
from ifss_keras.layers import (
    BidirectionalConvLSTM2D,
    EncoderLevel,
    GlobalMatching,
    ReferenceMemory,
    Refinement,
)


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


@keras.saving.register_keras_serializable("ifss_keras")
class IFSSNet(keras.Model):
    """The muscle in a window of slices, from the images, a rough mask of each slice, and the memory so far.

    Data flow (TMI 2021, section III and Fig. 3): an encoder, built once, reads the image and the mask; at
    each level the image's features are added to the mask stream. Global matching joins both at the bottleneck,
    a bidirectional ConvLSTM reads the slices, and the decoder refines with the mask stream's features as skips.

    Call arguments: a dict of
        image: (batch, window, row, column, 1), intensities in [0, 1].
        mask: (batch, window, row, column, 1), the muscle channel only, in [0, 1].
        hidden, cell: (batch, row / 2^levels, column / 2^levels, widths[-1]), memory of the slices before;
            zero at a reference.
        memory_image, memory_mask, memory_weight: what `remember` returned, only with a `memory_level`.

    Returns: a dict of
        probabilities: (batch, window, row, column, 2), float32; channel 0 the muscle, 1 the background
            (eq. 2).
        hidden, cell: the forward memory after the window's first slice, for the next window at stride 1.

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
        memory_level=0,
        memory_slots=2,
        encoder_dropout=0.1,
        memory_dropout=0.4,
        decoder_dropout=0.1,
        **kwargs,
    ):
        image_size, widths = _pair_of_sizes(image_size), _widths_of_levels(widths)
        rates = rates_per_level(rates, len(widths))
        _refuse_what_cannot_work(image_size, widths, rates, matching_kernel, window)
        require(
            memory_level in range(len(widths) + 1) and is_positive_integer(memory_slots),
            f"memory_level must be a level from 1 to {len(widths)}, or 0 for none, with a slot or more, received "
            f"level {memory_level!r} and {memory_slots!r} slots.",
        )

        # layers
        levels = [
            EncoderLevel(
                width,
                rates=rates[index],
                depth_kernel=encoder_depth_kernel,
                depth_multiplier=first_depth_multiplier if index == 0 else 1,
                norm_per_channel=norm_per_channel,
                dropout=encoder_dropout,
                name=f"encoder_{index + 1}",
            )
            for index, width in enumerate(widths)
        ]
        matching = GlobalMatching(widths[-1], kernel=matching_kernel, name="matching")
        recurrence = BidirectionalConvLSTM2D(widths[-1], state_after=1, dropout=memory_dropout, name="recurrence")

        # functional graph
        state_shape = (image_size[0] >> len(widths), image_size[1] >> len(widths), widths[-1])
        inputs = {
            "image": keras.Input((window, *image_size, 1), name="image"),
            "mask": keras.Input((window, *image_size, 1), name="mask"),
            "hidden": keras.Input(state_shape, name="hidden"),
            "cell": keras.Input(state_shape, name="cell"),
        }
        encode_references = None
        if memory_level:
            encode_references, memory = _reference_encoder(levels[:memory_level], image_size, memory_slots)
            inputs |= memory
        image, masks = inputs["image"], [inputs["mask"]]
        for number, level in enumerate(levels, start=1):
            image = level(image)  # the same layer twice: this is the siamese idea
            masks.append(level(masks[-1]) + image)
            if number == memory_level:
                masks[-1] = ReferenceMemory(name="reference_memory")(image, masks[-1], *memory.values())
        x = matching(ops.concatenate([image, masks[-1]], axis=-1))
        remembered, (hidden, cell) = recurrence(x, initial_state=[inputs["hidden"], inputs["cell"]])
        x = x + remembered
        full_size = ops.concatenate([inputs["image"], inputs["mask"]], axis=-1)
        skips = [*masks[-2:0:-1], full_size]
        for index, (width, skip) in enumerate(zip((*widths[-2::-1], head_width), skips, strict=True), start=1):
            x = keras.layers.Conv3DTranspose(width, 3, (1, 2, 2), padding="same", name=f"up_{index}")(x)
            x = Refinement(width, name=f"refine_{index}")(x, skip)
            x = keras.layers.Dropout(decoder_dropout, name=f"drop_{index}")(x)
        logits = keras.layers.Conv3D(2, 1, name="head")(x)
        probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
        outputs = {"probabilities": probabilities, "hidden": hidden, "cell": cell}
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # config
        self.image_size = image_size
        self.widths = widths
        self.rates = rates
        self.first_depth_multiplier = first_depth_multiplier
        self.encoder_depth_kernel = encoder_depth_kernel
        self.norm_per_channel = norm_per_channel
        self.matching_kernel = matching_kernel
        self.window = window
        self.head_width = head_width
        self.memory_level = memory_level
        self.memory_slots = memory_slots
        # wrapped, since Keras would count a model that is an attribute, and its layers, twice
        self._encode_references = encode_references and (lambda parts: encode_references(parts))
        self.encoder_dropout = encoder_dropout
        self.memory_dropout = memory_dropout
        self.decoder_dropout = decoder_dropout

    def initial_memory(self, batch_size):
        """Zero memory (hidden, cell), each (batch, row / 2^levels, column / 2^levels, widths[-1])."""
        rows, columns = (size >> len(self.widths) for size in self.image_size)
        zero = ops.zeros((batch_size, rows, columns, self.widths[-1]))
        return zero, zero

    def remember(self, image, mask, weight):
        """What the network keeps of annotated slices, for every call after it; nothing without a `memory_level`.

        Args:
            image, mask: (batch, memory_slots, row, column, 1), as those of a window.
            weight: (batch, memory_slots), 0 for an empty slot.

        Returns:
            A dict of memory_image, memory_mask and memory_weight.
        """
        if not self.memory_level:
            return {}
        image, mask = self._encode_references([image, mask])
        return {"memory_image": image, "memory_mask": mask, "memory_weight": weight}

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "image_size": self.image_size,
            "widths": self.widths,
            "rates": self.rates,
            "first_depth_multiplier": self.first_depth_multiplier,
            "encoder_depth_kernel": self.encoder_depth_kernel,
            "norm_per_channel": self.norm_per_channel,
            "matching_kernel": self.matching_kernel,
            "window": self.window,
            "head_width": self.head_width,
            "memory_level": self.memory_level,
            "memory_slots": self.memory_slots,
            "encoder_dropout": self.encoder_dropout,
            "memory_dropout": self.memory_dropout,
            "decoder_dropout": self.decoder_dropout,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)

    @classmethod
    def from_preset(cls, name):
        """The network with the released weights of preset `name`, verified by SHA-256 and loaded strictly.

        Raises:
            PresetError: an unknown name, or weights that do not fit; the text names what differs.
            ChecksumError: weights that are not the released ones.
        """
        from ifss_keras.zoo.presets import load_network

        return load_network(name)


def _reference_encoder(levels, image_size, slots):
    """A model from annotated slices to the features of the last of the levels, and inputs for these in the network.

    Every slice is encoded by itself, since annotated slices need not be neighbours.
    """
    shape = (slots, *image_size, 1)
    parts = [keras.Input(shape), keras.Input(shape)]
    image, mask = (ops.reshape(part, (-1, 1, *image_size, 1)) for part in parts)
    for level in levels:
        image = level(image)
        mask = level(mask) + image
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
            f"level {level + 1} is {size} pixels wide, received {level_rates}.",
        )
