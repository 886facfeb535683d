import pytest
import torch


@pytest.fixture
def blobs():
    """Three separable classes in eight dimensions."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(300) % 3
    return torch.randn(300, 8, generator=generator) + 4 * torch.eye(3, 8)[y], y
