"""Coral's Edge TPU, over USB or PCIe, through libedgetpu."""

from __future__ import annotations

from edgemm.delegates.delegate import Delegate

_USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}
"""Vendor and product before and after the first use, when the stick loads its firmware."""


def edgetpu_seen() -> bool:
    """True when the kernel lists an Edge TPU: /dev/apex_* (PCIe), or one of its USB identities."""
    from glob import glob

    return bool(glob("/dev/apex_*")) or any(
        _usb_id(device) in _USB_IDS for device in glob("/sys/bus/usb/devices/*")
    )


def _usb_id(device: str) -> tuple[str, str]:
    try:
        with open(f"{device}/idVendor") as vendor, open(f"{device}/idProduct") as product:
            return vendor.read().strip(), product.read().strip()
    except OSError:
        return "", ""


EDGETPU = Delegate(
    name="edgetpu",
    summary="Coral Edge TPU",
    advice="Install libedgetpu1-std from Coral, plug the device in, and compile the model with edgetpu_compiler",
    libraries=("libedgetpu.so.1", "libedgetpu.so.1.0"),
    seen=edgetpu_seen,
)
