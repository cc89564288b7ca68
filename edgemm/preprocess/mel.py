"""Mel filter banks.

"htk" is the scale of the HTK Book (Young et al.), "slaney" that of Slaney's Auditory Toolbox: linear
below 1 kHz, logarithmic above. Filters are triangles over frequency in hertz, as in librosa and torchaudio; those of
"kaldi" are triangles over mel on htk's scale, as in Kaldi and tf.signal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SLANEY_HZ_PER_MEL = 200.0 / 3.0
_SLANEY_KNEE_HZ = 1000.0
_SLANEY_KNEE_MEL = _SLANEY_KNEE_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = np.log(6.4) / 27.0


def hertz_to_mel(hertz: npt.ArrayLike, scale: str) -> Floats:
    """Frequencies in hertz -> mel, on the "htk" (and "kaldi") or "slaney" scale."""
    f = np.asarray(hertz, np.float64)
    if scale != "slaney":
        return np.asarray(2595.0 * np.log10(1.0 + f / 700.0))
    above = _SLANEY_KNEE_MEL + np.log(np.maximum(f, _SLANEY_KNEE_HZ) / _SLANEY_KNEE_HZ) / _SLANEY_LOG_STEP
    return np.where(f < _SLANEY_KNEE_HZ, f / _SLANEY_HZ_PER_MEL, above)


def mel_to_hertz(mel: npt.ArrayLike, scale: str) -> Floats:
    """Mel -> frequencies in hertz; the inverse of `hertz_to_mel`."""
    m = np.asarray(mel, np.float64)
    if scale != "slaney":
        return np.asarray(700.0 * (10.0 ** (m / 2595.0) - 1.0))
    above = _SLANEY_KNEE_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(m, _SLANEY_KNEE_MEL) - _SLANEY_KNEE_MEL))
    return np.where(m < _SLANEY_KNEE_MEL, m * _SLANEY_HZ_PER_MEL, above)


def mel_bank(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float, scale: str
) -> npt.NDArray[np.float32]:
    """Triangular filters, equally spaced on the mel scale from `fmin` to `fmax` hertz.

    Returns:
        float32[n_mels, n_fft // 2 + 1]: weights of the spectrum's bins. "htk" and "kaldi" triangles would peak
        at 1; "slaney" ones have the area of 1 over frequency in hertz.
    """
    low, high = hertz_to_mel([fmin, fmax], scale)
    edges = np.linspace(low, high, n_mels + 2)[:, None]
    bins = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    if scale == "kaldi":
        bins = hertz_to_mel(bins, scale)
    else:
        edges = mel_to_hertz(edges, scale)
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((bins - left) / (peak - left), (right - bins) / (right - peak)))
    if scale == "slaney":
        weights *= 2.0 / (right - left)
    return np.asarray(weights, np.float32)
