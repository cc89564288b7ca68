"""Networks of transformers, small and with seeded weights: text of 32 tokens, pictures of 64 x 64, sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

TOKENS = 32
WORDS = 1000
WIDTH = 64
"""Of all hidden states."""


class First(nn.Module):
    """The first output of a network, of the inputs by name: one tensor in, one out, whatever else the network has."""

    def __init__(self, network: nn.Module, *names: str, **fixed: Any) -> None:
        super().__init__()
        self.network, self.names, self.fixed = network, names, fixed

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.network(**dict(zip(self.names, inputs, strict=True)), **self.fixed, return_dict=False)[0]


def _all_seen() -> Tensor:
    """A mask. Without one, transformers looks for packed sequences, which the older exporter cannot write."""
    return torch.ones(1, TOKENS, dtype=torch.int64)


def distilbert() -> nn.Module:
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    config = DistilBertConfig(vocab_size=WORDS, dim=WIDTH, n_layers=2, n_heads=4, hidden_dim=4 * WIDTH)
    return First(DistilBertForSequenceClassification(config), "input_ids")


def bert() -> nn.Module:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=4 * WIDTH,
    )
    return First(BertModel(config, add_pooling_layer=False), "input_ids")


def albert() -> nn.Module:
    from transformers import AlbertConfig, AlbertModel

    config = AlbertConfig(
        vocab_size=WORDS, embedding_size=32, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=4 * WIDTH,
    )  # fmt: skip
    return First(AlbertModel(config, add_pooling_layer=False), "input_ids")


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=WORDS, n_positions=TOKENS, n_embd=WIDTH, n_layer=2, n_head=4)
    return First(GPT2LMHeadModel(config), "input_ids", use_cache=False, attention_mask=_all_seen())


def llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=WORDS, hidden_size=WIDTH, intermediate_size=3 * WIDTH, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=TOKENS,
    )  # fmt: skip
    return First(LlamaForCausalLM(config), "input_ids", use_cache=False, attention_mask=_all_seen())


def t5_encoder() -> nn.Module:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=WORDS, d_model=WIDTH, d_kv=16, d_ff=4 * WIDTH, num_layers=2, num_heads=4)
    return First(T5EncoderModel(config), "input_ids")


def _whisper() -> Any:
    from transformers import WhisperConfig, WhisperModel

    return WhisperModel(
        WhisperConfig(
            vocab_size=WORDS, d_model=WIDTH, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=4 * WIDTH, decoder_ffn_dim=4 * WIDTH,
            max_source_positions=TOKENS, max_target_positions=TOKENS, num_mel_bins=40, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, decoder_start_token_id=1,
        )
    )  # fmt: skip


def whisper_encoder() -> nn.Module:
    return First(_whisper().encoder, "input_features")


def whisper_decoder() -> nn.Module:
    decoder = _whisper().decoder
    return First(decoder, "input_ids", "encoder_hidden_states", use_cache=False, attention_mask=_all_seen())


def wav2vec2() -> nn.Module:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    config = Wav2Vec2Config(
        vocab_size=32, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=4 * WIDTH,
        conv_dim=(32,) * 5, conv_stride=(5, 4, 4, 2, 2), conv_kernel=(10, 3, 3, 3, 3), num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    return First(Wav2Vec2ForCTC(config), "input_values")


def segformer() -> nn.Module:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 48, 64], decoder_hidden_size=32, num_labels=8
    )
    return First(SegformerForSemanticSegmentation(config), "pixel_values")


def clip_picture() -> nn.Module:
    from transformers import CLIPVisionConfig, CLIPVisionModel

    config = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=2, num_attention_heads=4, image_size=64,
        patch_size=8,
    )  # fmt: skip
    return First(CLIPVisionModel(config), "pixel_values")


def _tokens() -> Tensor:
    return torch.randint(3, WORDS, (1, TOKENS))


def _picture() -> Tensor:
    return nn.functional.avg_pool2d(torch.randn(1, 3, 64, 64), 3, 1, 1) * 2


def _mel() -> Tensor:
    return nn.functional.avg_pool1d(torch.randn(1, 40, 2 * TOKENS), 5, 1, 2) * 2


def _sound() -> Tensor:
    return nn.functional.avg_pool1d(torch.randn(1, 1, 8000), 9, 1, 4)[0] * 3


def _states() -> Tensor:
    return torch.randn(1, TOKENS, WIDTH)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[Callable[[], Tensor], ...]]] = {
    "distilbert": (distilbert, (_tokens,)),
    "bert": (bert, (_tokens,)),
    "albert": (albert, (_tokens,)),
    "gpt2": (gpt2, (_tokens,)),
    "llama": (llama, (_tokens,)),
    "t5_encoder": (t5_encoder, (_tokens,)),
    "whisper_encoder": (whisper_encoder, (_mel,)),
    "whisper_decoder": (whisper_decoder, (_tokens, _states)),
    "wav2vec2": (wav2vec2, (_sound,)),
    "segformer": (segformer, (_picture,)),
    "clip_picture": (clip_picture, (_picture,)),
}
"""Name -> what makes it, and one maker for each input."""
