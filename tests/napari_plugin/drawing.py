"""Somebody who draws true muscles on labels."""

import numpy as np

from ifss_keras.napari_plugin.revision import Revision


class Drawing:
    """Labels as a layer holds them, on which the true muscles are drawn slice by slice."""

    def __init__(self, annotator, truth):
        self.annotator, self.truth = annotator, truth
        self.labels = np.zeros(truth.shape, np.int32)

    def draw(self, *slices, codes=(3, 7)):
        for index in slices:
            self.labels[index][np.isin(self.labels[index], codes)] = 0
            drawn = np.isin(self.truth[index], codes)
            self.labels[index][drawn] = self.truth[index][drawn]

    def propagate(self, revision=None):
        """The slices that changed."""
        revision = self.annotator.drawn(self.labels) if revision is None else revision
        self.annotator.revise(revision)
        return self.annotator.show(self.labels, revision)

    def settle(self):
        self.annotator.settle()
        self.annotator.show(self.labels, Revision())

    def annotated(self):
        """Label code to slice index to how many pixels are annotated."""
        references = self.annotator.session.references
        return {
            code: {index: np.count_nonzero(mask) for index, mask in sorted(masks.items())}
            for code, masks in references.items()
            if masks
        }
