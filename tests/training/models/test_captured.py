import pytest
import torch
from torch import nn

from pipelines.training.models.captured import capture

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs want a CUDA device")


@needs_cuda
def test_a_captured_method_gives_the_same_numbers_and_gradients():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 4)).cuda()
    x = torch.randn(5, 8, device="cuda")
    expected = model(x)
    expected.square().sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad(set_to_none=True)
    capture(model, "forward", torch.zeros(5, 8, device="cuda"))
    made = model(x)
    made.square().sum().backward()
    torch.testing.assert_close(made, expected)
    for parameter, gradient in zip(model.parameters(), gradients):
        torch.testing.assert_close(parameter.grad, gradient)


@needs_cuda
def test_other_shapes_and_evaluation_run_as_before():
    model = nn.Linear(8, 4).cuda()
    capture(model, "forward", torch.zeros(5, 8, device="cuda"))
    assert model(torch.zeros(3, 8, device="cuda")).shape == (3, 4)
    assert model.eval()(torch.zeros(5, 8, device="cuda")).shape == (5, 4)
