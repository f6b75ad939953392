"""Where the time of `ifss predict` goes that is not the network's, and the memory that the whole of it takes.

    python benchmarks/stages.py FOLDER                  # 350 slices of 512x512, made there if they are missing
    python benchmarks/stages.py FOLDER --slices 1400 --suffix .nii.gz

Stages are timed once, one after the other, in CPU seconds, as other work may share the machine; the whole is the
command without a network, file to file.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIZE = 512
SOLEUS = 100


def make(folder: Path, slices: int, suffix: str) -> tuple[Path, Path]:
    """The image and its references, 20 annotated slices; `.mha` is not compressed."""
    image, references = folder / f"image{slices}{suffix}", folder / f"references{slices}.mha"
    if image.exists():
        return image, references
    from ifss_keras.synthetic import calf
    from ifss_keras.volumes.io import write_labels, write_volume
    from ifss_keras.volumes.volume import Volume

    folder.mkdir(exist_ok=True)
    phantom = calf(990_000, slices=slices, size=SIZE, length_mm=400.0, ends="blunt")
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    held = np.flatnonzero((phantom.labels == SOLEUS).any(axis=(1, 2)))
    kept = np.zeros_like(phantom.labels)
    for index in np.linspace(held[0], held[-1], 20).round().astype(int):
        kept[index] = np.where(phantom.labels[index] == SOLEUS, SOLEUS, 0)
    write_labels(references, kept, volume)
    if suffix == ".mha":
        import SimpleITK as sitk

        stored = sitk.GetImageFromArray(phantom.image)
        stored.SetSpacing(phantom.spacing_mm[::-1])
        sitk.WriteImage(stored, str(image), False)
    else:
        write_volume(image, phantom.image, volume)
    return image, references


def stages(image: Path, references: Path) -> None:
    """Prints the CPU seconds of each stage."""
    began = time.process_time()

    def told(stage: str) -> None:
        nonlocal began
        print(f"{stage:28s} {time.process_time() - began:6.2f} s", flush=True)
        began = time.process_time()

    import ifss_keras.jobs.predict as job

    told("imports")
    job.fingerprints(image=image)
    told("fingerprint of the image")
    volume = job.read_volume(image)
    told("reading the image")
    annotation = job.read_annotation(references, volume)
    told("reading the references")
    from ifss_keras.inference.interpolation import predict_by_shape
    from ifss_keras.inference.notes import notes_on
    from ifss_keras.inference.prediction import Prediction

    labels = predict_by_shape(volume, annotation).labels
    told("shapes between them")
    notes_on(volume, annotation)
    told("notes, grey values")
    prediction = Prediction.of_labels(labels, volume, annotation, "shape")
    told("summaries, notes again")
    prediction.save(image.with_name("mask.mha"))
    told("writing the mask, .mha")
    prediction.save(image.with_name("mask.nii.gz"))
    told("writing the mask, .nii.gz")
    from ifss_keras.report.html import RunInfo, write_report

    paths = {"image_path": str(image), "reference_path": str(references), "output_path": "mask.mha"}
    run = RunInfo(**paths, preset=None, method="shape", seconds=0.0, date="2026-01-01 00:00")
    write_report(image.with_name("report"), prediction, run)
    told("report")


def peak(image: Path, references: Path) -> None:
    """Prints seconds and peak memory of the command, file to file."""
    command = [sys.executable, "-m", "ifss_keras.cli.main", "predict", str(image), "--reference", str(references)]
    began = time.perf_counter()
    subprocess.run(
        [*command, "-o", str(image.with_name("mask.mha")), "--method", "shape", "--force"],
        check=True,
        capture_output=True,
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter() - began
    print(f"{'all':28s} {used.ru_utime + used.ru_stime:6.2f} s, {wall:.1f} s wall, {used.ru_maxrss / 1000:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slices", type=int, default=350)
    parser.add_argument("--suffix", default=".mha")
    parser.add_argument("--part", choices=["make", "stages", "peak"], help="One part, in this process.")
    options = parser.parse_args()
    parts = [options.part] if options.part else ["make", "stages", "peak"]
    for part in parts:
        if options.part is None:
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--part", part], check=True)
            continue
        files = make(options.folder, options.slices, options.suffix)
        if part != "make":
            {"stages": stages, "peak": peak}[part](*files)


if __name__ == "__main__":
    main()
