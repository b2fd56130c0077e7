"""The model that a training starts from: one named by its name or folder, or an untrained static one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.encoders.loading import load_transformer_model
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.training.batches import PASSAGE_PREFIX, QUERY_PREFIX
from robustbench_ir.training.table import ParallelTable
from robustbench_ir.training.vocabulary import pruned_copy, transformer_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from torch import nn

STATIC = "static-multilingual"
TRANSFORMER_LEARNING_RATE = 3e-5  # arXiv 2408.10536
STATIC_LEARNING_RATE = 0.01
_LONGEST_TOKEN = 20  # letters; without a limit whole sentences of scripts without spaces become one token


def default_learning_rate(base: str) -> float:
    """Return the learning rate that a base has by default."""
    return STATIC_LEARNING_RATE if base == STATIC else TRANSFORMER_LEARNING_RATE


def load_base(
    base: str,
    table: ParallelTable,
    *,
    seed: int,
    vocabulary: int,
    dimensions: int,
    max_length: int | None = None,
    device: str | None = None,
    prune_to: Sequence[str] = (),
    freeze: Sequence[str] = (),
) -> SentenceTransformer:
    """Load or make the model that is to be trained, in float32. Its prompts are the prefixes of arXiv 2408.10536.

    Parameters
    ----------
    base : str
        ``"static-multilingual"``, the path of a folder, or a name on the hub.
    table : ParallelTable
        Texts on which the tokeniser of a static base is trained.
    seed : int
        Seed of the first embeddings of a static base.
    vocabulary, dimensions : int
        Number of tokens and size of the embeddings of a static base.
    max_length : int, optional
        Number of tokens after which a text is cut; by default that of the model.
    device : str, optional
        Such as ``"cuda"``; by default sentence-transformers chooses.
    prune_to : sequence of str
        Texts whose tokens alone are kept; see `robustbench_ir.training.vocabulary`. Empty to keep all tokens.
    freeze : sequence of str
        Parts that are not trained; see `Training.freeze`.

    Raises
    ------
    EncoderError
        If the base cannot be loaded, has no tokeniser, or is sparse; or if its vocabulary cannot be pruned.
    OptionError
        If the vocabulary is too small, or an option is for transformers only.
    """
    if base == STATIC:
        if max_length is not None:
            raise OptionError(f"{STATIC}: reads texts of any length; leave the maximum length out")
        if prune_to or freeze:
            raise OptionError(
                f"{STATIC}: is made for the data, and has no layers; leave --prune-vocabulary and --freeze"
            )
        model = _static(table, seed, vocabulary, dimensions, device)
    else:
        # Steps of AdamW are smaller than float16 resolves, whatever the file of the base says.
        model = _loaded(base, EncoderOptions(device=device, max_length=max_length)).float()
        if prune_to:
            model = pruned_copy(model, prune_to, device)
        freeze_parts(model, freeze)
    model.prompts = {"query": QUERY_PREFIX, "document": PASSAGE_PREFIX, "passage": PASSAGE_PREFIX}
    model.default_prompt_name = None
    return model


_LAYERS = re.compile(r"layers:(?P<first>[0-9]+)-(?P<last>[0-9]+)")


def freeze_parts(model: SentenceTransformer, parts: Sequence[str]) -> None:
    """Keep parts of a transformer from being trained.

    Parameters
    ----------
    model : SentenceTransformer
        A transformer.
    parts : sequence of str
        ``"embeddings"``, or a range of layers with both ends, such as ``"layers:0-5"``.

    Raises
    ------
    OptionError
        If the model has no such part.
    """
    for part in parts:
        found = _LAYERS.fullmatch(part)
        if part != "embeddings" and found is None:
            raise OptionError(f"freeze {part}: write embeddings, or a range of layers such as layers:0-5")
        for module in _embeddings(model) if found is None else _layers(model, int(found["first"]), int(found["last"])):
            module.requires_grad_(False)


def _embeddings(model: SentenceTransformer) -> Iterable[nn.Module]:
    return [transformer_of(model, "the embeddings can be frozen").get_input_embeddings()]


def _layers(model: SentenceTransformer, first: int, last: int) -> Iterable[nn.Module]:
    from torch import nn

    transformer = transformer_of(model, "layers can be frozen")
    number = getattr(transformer.config, "num_hidden_layers", 0)
    if not first <= last < number:
        raise OptionError(f"freeze layers:{first}-{last}: the base has layers 0 to {number - 1}")
    every = (one for one in transformer.modules() if isinstance(one, nn.ModuleList) and len(one) == number)
    return list(next(every))[first : last + 1]


def _loaded(base: str, options: EncoderOptions) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    folder = Path(base).expanduser()
    if folder.is_dir() and not any(folder.rglob("tokenizer*")) and not any(folder.rglob("*vocab*")):
        # Without files transformers 5 silently makes an empty tokeniser, for which all texts are equal.
        raise EncoderError(
            f"{base}: has no tokeniser; save the model's tokeniser into the folder, or name another base"
        )
    if folder.is_dir() and (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise EncoderError(
            f"{base}: a transformer without pooling; save it by SentenceTransformer(...).save first, "
            f"so that it says how tokens become one embedding"
        )
    model = load_transformer_model(base, options).model
    if not isinstance(model, SentenceTransformer):
        raise EncoderError(f"{base}: a sparse encoder; only dense ones can be trained here")
    if getattr(model, "tokenizer", None) is None:
        raise EncoderError(f"{base}: has no tokeniser; name a base that reads text")
    return model


def _static(
    table: ParallelTable, seed: int, vocabulary: int, dimensions: int, device: str | None
) -> SentenceTransformer:
    import torch
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before 6
        from sentence_transformers.models import StaticEmbedding  # type: ignore[no-redef]

    tokenizer = train_tokenizer(table, vocabulary)
    random = torch.Generator().manual_seed(seed)
    weights = torch.randn(tokenizer.get_vocab_size(), dimensions, generator=random) * dimensions**-0.5
    return SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device=device, similarity_fn_name="cosine"
    )


def train_tokenizer(table: ParallelTable, vocabulary: int) -> Tokenizer:
    """Train a BPE tokeniser on the distinct texts of a table; the same table gives the same tokeniser.

    It works on lower-case letters in NFKC and on pieces of words of up to 20 letters. Unknown text is spelt in bytes,
    so that no text of any script is unknown.

    Parameters
    ----------
    table : ParallelTable
        Both its queries and its passages are read.
    vocabulary : int
        Largest number of tokens, more than the 256 bytes.

    Raises
    ------
    OptionError
        If the vocabulary is too small.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    if vocabulary <= 256:
        raise OptionError(f"vocabulary {vocabulary}: more than 256 tokens are needed, one for each byte")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=3 * _LONGEST_TOKEN,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts_of(table), trainer)
    return tokenizer


def texts_of(table: ParallelTable) -> Iterator[str]:
    """Yield each distinct text of a table once, with its prefix."""

    def with_prefixes() -> Iterable[str]:
        for row in table.rows:
            yield QUERY_PREFIX + row.query
            yield PASSAGE_PREFIX + row.passage

    yield from dict.fromkeys(with_prefixes())
