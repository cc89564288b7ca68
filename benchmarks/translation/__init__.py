"""English to German: a small Transformer is trained, converted, and measured in both runtimes."""
