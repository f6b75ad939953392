"""How long `ifss predict` takes and how much memory, file to file and start included, beside other ways; ratios first.

    python benchmarks/speed.py FOLDER                     # all parts; volumes are made there (1.5 GB, some minutes)
    python benchmarks/speed.py FOLDER --parts start small # some of them: see PARTS
    python benchmarks/speed.py FOLDER --slices 350        # smaller

Volumes are of 512x512, uint8, raw .mha: a synthetic calf with 20 annotated slices of its soleus; the same with every
slice twice; the same with three muscles. Commands run in processes of their own; the network alone and corrections
in this one. MONAI and Slicer's "Grow from seeds" are timed where torch, monai and the extra itk are installed.
"""

import argparse
import os
import pty
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

IFSS = [sys.executable, "-m", "ifss_keras.cli.main"]
SIZE, REFERENCES = 512, 20
SOLEUS = 100


def raw(path: Path, array: np.ndarray, spacing_mm) -> None:
    """Writes a .mha that is not compressed, as scanners' software does."""
    import SimpleITK as sitk

    stored = sitk.GetImageFromArray(array)
    stored.SetSpacing(spacing_mm[::-1])
    sitk.WriteImage(stored, str(path), False)


def make(folder: Path, slices: int) -> None:
    """Writes the volumes and their annotated slices, unless they are there."""
    from ifss_keras.synthetic import calf

    if (folder / f"three{slices}.mha").exists():
        return
    folder.mkdir(exist_ok=True)
    phantom = calf(990_000, slices=slices, size=SIZE, length_mm=400.0, ends="blunt")
    raw(folder / f"image{slices}.mha", phantom.image, phantom.spacing_mm)
    finer_mm = (phantom.spacing_mm[0] / 2, *phantom.spacing_mm[1:])
    raw(folder / f"image{2 * slices}.mha", np.repeat(phantom.image, 2, axis=0), finer_mm)
    soleus = phantom.labels * (phantom.labels == SOLEUS)
    held = np.flatnonzero(soleus.any(axis=(1, 2)))
    chosen = np.linspace(held[0], held[-1], REFERENCES).round().astype(int)
    for name, labels in (("one", soleus), ("three", phantom.labels)):
        kept = np.zeros_like(labels)
        kept[chosen] = labels[chosen]
        if name == "one":
            twice = np.zeros((2 * slices, *labels.shape[1:]), labels.dtype)
            twice[2 * chosen] = labels[chosen]
            raw(folder / f"one{2 * slices}.mha", twice, finer_mm)
        raw(folder / f"{name}{slices}.mha", kept, phantom.spacing_mm)


def command(image: Path, references: Path, *more: str) -> tuple[float, float]:
    """Seconds and peak memory in GB of one `ifss predict`, in a process of its own."""
    code = (
        "import resource, subprocess, sys, time; began = time.monotonic();"
        "subprocess.run(sys.argv[1:], check=True, capture_output=True);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); print(time.monotonic() - began, used.ru_maxrss)"
    )
    mask = image.with_name("mask.mha")
    given = [*IFSS, "predict", str(image), "--reference", str(references), "-o", str(mask), "--force", *more]
    told = subprocess.run([sys.executable, "-c", code, *given], check=True, capture_output=True, text=True).stdout
    seconds, kilobytes = map(float, told.split())
    return seconds, kilobytes * 1024 / 1e9


def sweeps(folder: Path, slices: int) -> None:
    """One muscle, twice the slices, three muscles."""
    one = command(folder / f"image{slices}.mha", folder / f"one{slices}.mha")
    two = command(folder / f"image{2 * slices}.mha", folder / f"one{2 * slices}.mha")
    three = command(folder / f"image{slices}.mha", folder / f"three{slices}.mha")
    print(f"twice the slices: {two[0] / one[0]:.2f} times the time, {two[1] / one[1]:.2f} times the memory")
    print(f"three muscles: {three[0] / one[0]:.2f} times the time of one")
    for name, (seconds, gigabytes) in (
        (f"{slices} slices, one muscle", one),
        (f"{2 * slices} slices, one muscle", two),
        (f"{slices} slices, three muscles", three),
    ):
        print(f"  {name}: {seconds:.1f} s, {gigabytes:.2f} GB")


def small(folder: Path, slices: int) -> None:
    """A volume of 35 slices of 128x128, three muscles, seven annotated slices."""
    from ifss_keras.synthetic import calf

    phantom = calf(990_001, slices=35, size=128, length_mm=400.0, ends="blunt")
    kept = np.zeros_like(phantom.labels)
    kept[2:35:5] = phantom.labels[2:35:5]
    raw(folder / "small.mha", phantom.image, phantom.spacing_mm)
    raw(folder / "small_one.mha", kept * (kept == SOLEUS), phantom.spacing_mm)
    times = [command(folder / "small.mha", folder / "small_one.mha")[0] for _ in range(3)]
    print(f"35 slices, one muscle, all in all: {min(times):.2f} s (of {', '.join(f'{each:.2f}' for each in times)})")


def start(folder: Path, slices: int) -> None:
    """From the command to its first line."""

    def first_line(*arguments: str) -> float:
        ours, terminal = pty.openpty()  # progress is shown on a terminal only
        began = time.monotonic()
        with subprocess.Popen([*IFSS, *arguments], stdout=terminal, stderr=terminal) as process:
            os.read(ours, 1)
            seconds = time.monotonic() - began
            process.kill()
        os.close(ours)
        os.close(terminal)
        return seconds

    image, references = folder / f"image{slices}.mha", folder / f"one{slices}.mha"
    prediction = ("predict", str(image), "--reference", str(references), "-o", str(folder / "mask.mha"), "--force")
    for name, arguments, tries in (
        ("ifss --help", ("--help",), 5),
        ("ifss models list", ("models", "list"), 5),
        ("ifss predict, first line of progress", prediction, 5),
    ):
        print(f"{name}: {min(first_line(*arguments) for _ in range(tries)):.2f} s")


def network(folder: Path, slices: int) -> None:
    """The same network as a plain Keras loop: every window whole, both directions, one after the other."""
    from ifss_keras.core.backend import start_backend

    start_backend()
    from ifss_keras.volumes.io import read_labels
    from ifss_keras.zoo import IFSSNet
    from ifss_keras.zoo.presets import DEFAULT_PRESET

    model, rng = IFSSNet.from_preset(DEFAULT_PRESET), np.random.default_rng(0)
    inputs = {
        name: rng.random((1, *part.shape[1:]), np.float32) if None not in part.shape[1:] else None
        for name, part in model.input.items()
    }
    for _ in range(3):
        model.predict_on_batch(inputs)
    began, windows = time.monotonic(), 40
    for _ in range(windows):
        outputs = model.predict_on_batch(inputs)
        inputs |= {name: outputs[name] for name in ("hidden", "cell")}
    each = (time.monotonic() - began) / windows
    held = np.flatnonzero(read_labels(folder / f"one{slices}.mha").array.any(axis=(1, 2)))
    loop = 2 * (held[-1] - held[0]) * each
    ours, _ = command(folder / f"image{slices}.mha", folder / f"one{slices}.mha", "--ends-annotated")
    print(f"plain Keras loop over ifss predict: {loop / ours:.1f}")
    print(f"  loop {loop:.1f} s ({1000 * each:.1f} ms for each slice and direction, between the outermost annotated")
    print(f"  slices; nothing but the network), ifss predict {ours:.1f} s (file to file)")


def correction(folder: Path, slices: int) -> None:
    """A slice annotated in the middle of 40, in an open session; what is drawn spans 256x256 pixels with its margin."""
    from ifss_keras.inference.predictor import Predictor
    from ifss_keras.volumes.volume import Volume

    image, truth = moving_disc()
    session = Predictor.from_preset().open(Volume.from_array(image, (0.3, 0.2, 0.2)))
    session.revise({1: {index: truth[index] for index in range(0, len(image), 40)}})
    times = []
    for index in (20, 60, 100, 140):
        began = time.monotonic()
        changed = session.annotate(index, np.roll(truth[index], 2, axis=0))
        times.append(time.monotonic() - began)
        assert min(changed) > index - 20
        assert max(changed) < index + 20
    each = ", ".join(f"{seconds:.2f}" for seconds in times)
    print(f"a correction between slices 40 apart: {min(times[1:]):.2f} s (of {each}), {len(changed)} slices changed")


def served(folder: Path, slices: int) -> None:
    """The same correction by the real nninteractive-client, asked of `ifss serve`."""
    try:
        from nnInteractive.inference.remote import nnInteractiveRemoteInferenceSession
    except ImportError:
        print("a correction by the client: not timed, the extra serve or nninteractive-client is not installed")
        return
    image, truth = moving_disc()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as workspace:
        serve = [*IFSS, "serve", "--port", str(port), "--workspace", workspace]
        with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                client = connected(nnInteractiveRemoteInferenceSession, f"http://127.0.0.1:{port}")
                client.set_image(image[None], {"spacing": np.array([0.3, 0.2, 0.2])})
                client.set_target_buffer(np.zeros(image.shape, np.uint8))
                for index in range(0, len(image), 40):
                    lasso(client, index, truth[index])
                times = []
                for index in (20, 60, 100, 140):
                    began = time.monotonic()
                    box = lasso(client, index, np.roll(truth[index], 2, axis=0))
                    times.append(time.monotonic() - began)
            finally:
                server.terminate()
    each = ", ".join(f"{seconds:.2f}" for seconds in times)
    print(f"the same by the client: {min(times[1:]):.2f} s (of {each}), the changed box {box}")


def connected(session, url: str):
    """A client, once the server answers."""
    for _ in range(200):
        try:
            return session(url)
        except Exception:  # of httpx, in many forms
            time.sleep(0.1)
    raise SystemExit("ifss serve did not answer within 20 s")


def lasso(client, index: int, mask: np.ndarray):
    """Sends one lasso as napari does: its box alone; the box that changed."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = [[index, index + 1], [int(rows[0]), int(rows[-1]) + 1], [int(columns[0]), int(columns[-1]) + 1]]
    crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)[None]
    return client.add_lasso_interaction(crop, True, interaction_bbox=box)


def moving_disc() -> tuple[np.ndarray, np.ndarray]:
    """An image, and a disc in it whose region has 256x256 pixels."""
    rng, count = np.random.default_rng(0), 241
    rows, columns = np.mgrid[:SIZE, :SIZE]
    truth = np.stack([np.hypot(rows - 256, columns - 256) < 91 - 0.05 * abs(index - 120) for index in range(count)])
    return (rng.integers(0, 90, truth.shape) + 60 * truth).astype(np.uint8), truth


def others(folder: Path, slices: int) -> None:
    """MONAI's sliding window with a U-Net of like parameters, and Slicer's Grow from seeds, on the same volume."""
    image, references = folder / f"image{slices}.mha", folder / f"one{slices}.mha"
    try:
        seconds, gigabytes = command(image, references, "--method", "growcut")
        print(f"Grow from seeds (--method growcut): {seconds:.1f} s, {gigabytes:.2f} GB")
    except subprocess.CalledProcessError:
        print("Grow from seeds: not timed, the extra itk is not installed")
    try:
        import torch
        from monai.inferers import SlidingWindowInferer
        from monai.networks.nets import UNet
    except ImportError:
        print("MONAI: not timed, torch or monai is not installed")
        return
    from ifss_keras.volumes.io import read_volume

    net = UNet(3, 1, 2, channels=(16, 32, 64, 96), strides=(2, 2, 2), num_res_units=1).eval()
    parameters = sum(part.numel() for part in net.parameters())
    part = min(slices, 128)
    volume = torch.from_numpy(read_volume(image).array[:part].astype(np.float32) / 255)[None, None]
    began = time.monotonic()
    with torch.inference_mode():
        SlidingWindowInferer((64, 128, 128), sw_batch_size=2, overlap=0.25)(volume, net)
    seconds = (time.monotonic() - began) / part * slices
    print(f"MONAI SlidingWindowInferer, U-Net of {parameters:,} parameters: {seconds:.0f} s ({part} slices timed)")


PARTS = {part.__name__: part for part in (sweeps, network, start, small, correction, served, others)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slices", type=int, default=1400)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    making = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import speed; from pathlib import Path;"
    making += f"speed.make(Path({str(options.folder)!r}), {options.slices})"
    subprocess.run([sys.executable, "-c", making], check=True)
    for part in options.parts:
        PARTS[part](options.folder, options.slices)


if __name__ == "__main__":
    main()
