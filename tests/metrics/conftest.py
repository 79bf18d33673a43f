from pathlib import Path

import pytest
import torch

from pipelines.media.stills.formats import png
from pipelines.media.stills.quantise import quantise


class TinyI3D(torch.nn.Module):
    """Called like the published file; its features are the means of the channels and the size it was given."""

    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        assert return_features and not rescale and not resize
        size = torch.tensor([x.shape[2], x.shape[3], x.shape[4]], dtype=x.dtype).expand(x.shape[0], 3)
        return torch.cat((x.mean(dim=(2, 3, 4)), size), dim=1)


@pytest.fixture
def i3d_file(tmp_path):
    path = tmp_path / "i3d_torchscript.pt"
    torch.jit.script(TinyI3D()).save(path)
    return path


@pytest.fixture
def write_clip():
    """Writes a clip (T, H, W, 3 or 4) as PNG frames, 8 bits unless told, and gives its folder back."""

    def write(folder: Path, clip: torch.Tensor, bits: int = 8, text: dict[str, str] | None = None) -> Path:
        folder.mkdir(parents=True)
        for number, frame in enumerate(clip):
            (folder / f"take.{number}.png").write_bytes(png.encode(quantise(frame, bits, number), text=text))
        return folder

    return write
