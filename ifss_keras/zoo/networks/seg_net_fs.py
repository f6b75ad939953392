"""Seg-Net-FS, the segmentation half of IFSS-Net (TMI 2021, section IV)."""

import keras

from ifss_keras.layers import BidirectionalConvLSTM2D
from ifss_keras.zoo.networks.encoder_decoder import Decoder, encoder_levels, rates_per_level
from ifss_keras.zoo.zoo_model import ZooModel, arguments_of, probabilities, require_multiples


@keras.saving.register_keras_serializable("ifss_keras")
class SegNetFS(ZooModel):
    """One encoder, the temporal module and the decoder of `IFSSNet`, fully supervised; needs no reference.

    The paper gives 4,129,026 parameters and no architecture, and no reading of it hits that number. This is the
    natural one: `IFSSNet` without the mask stream and without the matching.

    Call arguments: image (batch, window, row, column, 1).

    Returns: a dict with probabilities (batch, window, row, column, classes), float32, background last.

    Args:
        image_size, widths, rates, first_depth_multiplier, encoder_depth_kernel, norm_per_channel, head_width: see
            `IFSSNet`.
        slices: of the input.
        classes: of the output, the background included.
        encoder_dropout, memory_dropout, decoder_dropout: rates.
    """

    def __init__(
        self,
        *,
        image_size=(512, 512),
        slices=3,
        classes=2,
        widths=(30, 30, 60, 60, 120),
        rates=(1, 6, 12, 18),
        first_depth_multiplier=8,
        encoder_depth_kernel=3,
        norm_per_channel=False,
        head_width=16,
        encoder_dropout=0.1,
        memory_dropout=0.4,
        decoder_dropout=0.1,
        **kwargs,
    ):
        arguments = arguments_of(SegNetFS, locals())
        multiples = (1, 2 ** len(widths), 2 ** len(widths))
        require_multiples(slices, image_size, multiples)
        image = keras.Input((slices, *image_size, 1), name="image")
        levels = encoder_levels(
            widths,
            rates_per_level(rates, len(widths)),
            first_depth_multiplier=first_depth_multiplier,
            depth_kernel=encoder_depth_kernel,
            norm_per_channel=norm_per_channel,
            dropout=encoder_dropout,
        )
        x, skips = image, [image]
        for level in levels:
            x = level(x)
            skips.append(x)
        remembered, _ = BidirectionalConvLSTM2D(widths[-1], dropout=memory_dropout, name="recurrence")(x)
        x = Decoder((*widths[-2::-1], head_width), decoder_dropout)(x + remembered, skips[-2::-1])
        logits = keras.layers.Conv3D(classes, 1, name="head")(x)
        outputs = {"probabilities": probabilities(logits, classes)}
        super().__init__(inputs={"image": image}, outputs=outputs, arguments=arguments, multiples=multiples, **kwargs)
