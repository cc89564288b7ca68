"""Filter banks as sherpa-onnx configures Kaldi's own library."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from needs import package
from transducer_networks import BANDS

RATE = 16000


def fbank(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32[frames, bands] of samples from -1 to 1."""
    library = package("kaldi_native_fbank")
    options = library.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.frame_opts.samp_freq = RATE
    options.mel_opts.num_bins = BANDS
    options.mel_opts.high_freq = -400
    online = library.OnlineFbank(options)
    online.accept_waveform(RATE, samples.tolist())
    return np.stack([online.get_frame(at) for at in range(online.num_frames_ready)])
