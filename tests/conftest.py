"""What all tests share: a cache folder of their own, so that none reads or leaves anything in the user's."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("EDGEMM_CACHE_DIR")
    os.environ["EDGEMM_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["EDGEMM_CACHE_DIR"]
    else:
        os.environ["EDGEMM_CACHE_DIR"] = before
