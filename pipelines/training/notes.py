"""What a run tells while it trains: a line of progress, scalars and sample clips for TensorBoard and as files.

Layout   clips (T, H, W, 3 or 4); FOLDER/log for TensorBoard, FOLDER/samples/step-00001200-NAME.png, animated.
Range    0..1, straight alpha.
Source   Our own.
Differs  TensorBoard's own videos want moviepy and have no alpha; an animated PNG shows in its image tab and has.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import Tensor

from ..media.whole_file import write_whole

FRAME_MILLISECONDS = 62


class Notes:
    """A context; only the first process tells anything."""

    def __init__(self, folder: Path, tells: bool, step: int, steps: int) -> None:
        from tqdm import tqdm

        self.folder = folder
        self.tells = tells
        self.line: Any = tqdm(
            total=steps, initial=step, desc=folder.name, disable=not tells, file=sys.stderr, mininterval=2.0, leave=True
        )
        self.writer: Any = _writer(folder / "log") if tells else None

    def __enter__(self) -> Notes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.line.close()
        if self.writer is not None:
            self.writer.close()

    def advance(self) -> None:
        self.line.update()

    def say(self, sentence: str) -> None:
        if self.tells:
            self.line.write(sentence, file=sys.stderr)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if not self.tells:
            return
        self.line.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def clips(self, step: int, clips: Mapping[str, Tensor]) -> None:
        for name, clip in clips.items():
            data = animated_png(clip)
            path = self.folder / "samples" / f"step-{step:08d}-{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
            self.writer.add_encoded(name, data, clip, step)


def animated_png(clip: Tensor) -> bytes:
    """(T, H, W, 3 or 4) in 0..1, rounded to 8 bits. Raises ValueError for another shape."""
    from PIL import Image

    if clip.ndim != 4 or clip.shape[-1] not in (3, 4) or clip.shape[0] < 1:
        raise ValueError(f"a sample clip wants (T, H, W, 3 or 4), got {tuple(clip.shape)}.")
    mode = "RGBA" if clip.shape[-1] == 4 else "RGB"
    levels = (clip.detach().float().clamp(0, 1) * 255).round().byte().cpu().numpy()
    first, *rest = [Image.fromarray(frame, mode) for frame in levels]
    data = io.BytesIO()
    first.save(data, "PNG", save_all=True, append_images=rest, duration=FRAME_MILLISECONDS, loop=0, disposal=1, blend=0)
    return data.getvalue()


def _writer(folder: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    class Writer(SummaryWriter):
        def add_encoded(self, name: str, data: bytes, clip: Tensor, step: int) -> None:
            from tensorboard.compat.proto import summary_pb2

            height, width, channels = clip.shape[1:]
            summary: Any = getattr(summary_pb2, "Summary")  # noqa: B009, the module makes it at run time
            picture = summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=data)
            self._get_file_writer().add_summary(summary(value=[summary.Value(tag=name, image=picture)]), step)

    return Writer(str(folder))
