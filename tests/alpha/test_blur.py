from pathlib import Path

import cv2
import torch
from safetensors.torch import load_file

from pipelines.alpha.blur import blur

GOLDEN = load_file(Path(__file__).parents[1] / "data" / "transpixeler" / "decontamination_dev.safetensors")


def test_the_blur_is_opencvs_of_201_taps():
    found = blur(GOLDEN["in.first_background_frame_u8"] / 255) * 255
    assert (found - GOLDEN["out.blur201_u8"]).abs().max() < 1.5  # OpenCV rounds between its two passes
    larger = torch.rand(130, 230, 3)
    expected = cv2.GaussianBlur(larger.numpy(), (201, 201), 0)
    torch.testing.assert_close(blur(larger), torch.from_numpy(expected), rtol=0, atol=1e-5)
