"""The layers that the networks of the zoo are composed of."""

from ifss_keras.layers.atrous_pyramid import AtrousPyramid
from ifss_keras.layers.bidirectional_conv_lstm2d import BidirectionalConvLSTM2D
from ifss_keras.layers.cross_correlation import CrossCorrelation
from ifss_keras.layers.encoder_level import EncoderLevel
from ifss_keras.layers.feature_fusion import FeatureFusion
from ifss_keras.layers.global_matching import GlobalMatching
from ifss_keras.layers.grouped_conv3d import GroupedConv3D
from ifss_keras.layers.image_pooled_pyramid import ImagePooledPyramid
from ifss_keras.layers.reference_memory import ReferenceMemory
from ifss_keras.layers.refinement import Refinement
from ifss_keras.layers.separable_conv3d import SeparableConv3D
from ifss_keras.layers.slice_normalization import SliceNormalization
from ifss_keras.layers.trilinear_resize import TrilinearResize

__all__ = [
    "AtrousPyramid",
    "BidirectionalConvLSTM2D",
    "CrossCorrelation",
    "EncoderLevel",
    "FeatureFusion",
    "GlobalMatching",
    "GroupedConv3D",
    "ImagePooledPyramid",
    "ReferenceMemory",
    "Refinement",
    "SeparableConv3D",
    "SliceNormalization",
    "TrilinearResize",
]
