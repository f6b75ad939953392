"""The modules that need PyTorch and MONAI, as fixtures: no other run imports them."""

import importlib

import pytest


def _module(name):
    @pytest.fixture(scope="session", name=name)
    def imported():
        pytest.importorskip("torch")
        pytest.importorskip("monai")
        return importlib.import_module(f"tests.parity.{name}")

    return imported


torch_copying = _module("torch_copying")
torch_unet3d = _module("torch_unet3d")
torch_vnet = _module("torch_vnet")
torch_daf3d = _module("torch_daf3d")
torch_daf3d_monai = _module("torch_daf3d_monai")
torch_ifss_net_original = _module("torch_ifss_net_original")
torch_pg_net = _module("torch_pg_net")
