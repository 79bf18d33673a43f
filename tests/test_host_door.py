"""The door to the host opens room by room."""

import pytest

from pipelines import host


def test_what_is_no_room_is_no_attribute():
    assert not hasattr(host, "nothing")
    with pytest.raises(AttributeError, match=r"module 'pipelines\.host' has no attribute 'nothing'"):
        host.nothing  # noqa: B018  asking is what is tested
