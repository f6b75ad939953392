"""A lab's volumes for tests: two discs in noise, of sizes that are all unequal."""

import numpy as np

AFFINE = np.array([[0.2, 0, 0, 5], [0, 0.3, 0, -7], [0, 0, 1.5, 11], [0, 0, 0, 1.0]])  # of (column, row, slice)
SPACING_MM = (1.5, 0.3, 0.2)


def volume(seed, slices=14, codes=(100, 150)):
    """(slices, 20, 24) image and labels: the first code in slices 1 to slices - 2, the second in 2 to slices - 4."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((20, 24))
    labels = np.zeros((slices, 20, 24), np.uint8 if max(codes) < 256 else np.uint16)
    for index in range(1, slices - 1):
        labels[index][np.hypot(rows - 7, columns - 7 - index / 4) < 4] = codes[0]
        if 2 <= index <= slices - 4:
            labels[index][np.hypot(rows - 14, columns - 16) < 3.5] = codes[1]
    image = np.select([labels == codes[0], labels == codes[1]], [180, 110], 40) + rng.integers(0, 30, labels.shape)
    return image.astype(np.uint8), labels


def stored(array):
    """(slice, row, column) as files have it: (column, row, slice)."""
    return np.ascontiguousarray(array.transpose(2, 1, 0))


def write_pair(write_stored, image_path, labels_path, seed, **shape):
    """Writes one volume to two files; its arrays."""
    image, labels = volume(seed, **shape)
    for path, array in ((image_path, image), (labels_path, labels)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_stored(path, stored(array), AFFINE)
    return image, labels


def leg_3d_us(write_stored, folder, numbers, **shape):
    """LEG-3D-US as it is: x1.mha beside masksX1.mha; the arrays by number."""
    return {
        number: write_pair(write_stored, folder / f"x{number}.mha", folder / f"masksX{number}.mha", number, **shape)
        for number in numbers
    }
