"""What each operator ties together: a table from the operators of torch to rules, one file for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgemm.quantize.prune.modules.rules.attention import attention, einsum, matmul
from edgemm.quantize.prune.modules.rules.elementwise import elementwise, fill, glu, unknown
from edgemm.quantize.prune.modules.rules.moving import moving
from edgemm.quantize.prune.modules.rules.norms import batch_norm, group_norm, instance_norm, layer_norm, prelu
from edgemm.quantize.prune.modules.rules.recurrent import cell, recurrent
from edgemm.quantize.prune.modules.rules.reducing import reducing, spatial
from edgemm.quantize.prune.modules.rules.weighted import addmm, convolution, embedding, linear
from edgemm.quantize.prune.modules.values import Call

Rule = Callable[[Call], Any]

_MOVING = """
    view _unsafe_view reshape permute transpose t expand squeeze unsqueeze flatten unflatten cat stack slice select
    split split_with_sizes chunk unbind narrow index_select index gather flip roll repeat repeat_interleave tile
    pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle constant_pad_nd pad movedim swapaxes unfold
    im2col reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
    tensor_split hsplit vsplit unsafe_chunk unsafe_split expand_as view_as reshape_as concat
    concatenate alias detach clone contiguous lift_fresh_copy
"""
_ELEMENTWISE = """
    dropout feature_dropout alpha_dropout _to_copy to type_as hardtanh leaky_relu elu relu relu6 selu celu gelu silu
    mish softplus threshold hardswish hardsigmoid clamp lerp addcmul addcdiv where masked_fill masked_fill_ log_sigmoid
    softsign sigmoid tanh rsub native_dropout
"""
_REDUCING = """
    mean sum amax amin max min var std var_mean argmax argmin norm linalg_vector_norm logsumexp prod cumsum cumprod
    softmax _softmax log_softmax _log_softmax any all topk sort argsort median
"""
_SPATIAL = """
    max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d
    _upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler grid_sampler_2d
"""
_FILL = "zeros ones full empty zeros_like ones_like full_like empty_like new_zeros new_ones new_full scalar_tensor"

_RULES: dict[str, Rule] = {
    **dict.fromkeys(_MOVING.split(), moving),
    **dict.fromkeys(_ELEMENTWISE.split(), elementwise),
    **dict.fromkeys(_REDUCING.split(), reducing),
    **dict.fromkeys(_SPATIAL.split(), spatial),
    **dict.fromkeys(_FILL.split(), fill),
    **dict.fromkeys((f"conv{way}{n}d" for way in ("", "_transpose") for n in (1, 2, 3)), convolution),
    **dict.fromkeys(["lstm", "gru", "rnn_tanh", "rnn_relu"], recurrent),
    **dict.fromkeys(["lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"], cell),
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm"), batch_norm),
    **dict.fromkeys(("matmul", "bmm", "mm"), matmul),
    **dict.fromkeys(("layer_norm", "native_layer_norm", "rms_norm"), layer_norm),
    "linear": linear, "glu": glu, "addmm": addmm, "embedding": embedding, "prelu": prelu, "_prelu_kernel": prelu,
    "group_norm": group_norm, "instance_norm": instance_norm,
    "scaled_dot_product_attention": attention, "einsum": einsum,
}  # fmt: skip


def rule_of(target: Any) -> Rule:
    """The rule of an operator; of one that is not known, that nothing which reaches it can go."""
    import torch

    name = getattr(target, "_schema", None) and target._schema.name.partition("::")[2]
    if name in _RULES:
        return _RULES[name]
    return elementwise if torch.Tag.pointwise in getattr(target, "tags", ()) else unknown
