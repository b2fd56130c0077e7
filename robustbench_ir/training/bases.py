"""The model that a training starts from: one named by its name or folder, or an untrained static one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.encoders.loading import load_transformer_model
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.training.batches import PASSAGE_PREFIX, QUERY_PREFIX
from robustbench_ir.training.table import ParallelTable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

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

    Raises
    ------
    EncoderError
        If the base cannot be loaded, has no tokeniser, or is sparse.
    OptionError
        If the vocabulary is too small, or a maximum length was given for a base that reads texts of any length.
    """
    if base == STATIC:
        if max_length is not None:
            raise OptionError(f"{STATIC}: reads texts of any length; leave the maximum length out")
        model = _static(table, seed, vocabulary, dimensions, device)
    else:
        # Steps of AdamW are smaller than float16 resolves, whatever the file of the base says.
        model = _loaded(base, EncoderOptions(device=device, max_length=max_length)).float()
    model.prompts = {"query": QUERY_PREFIX, "document": PASSAGE_PREFIX, "passage": PASSAGE_PREFIX}
    model.default_prompt_name = None
    return model


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
    tokenizer.train_from_iterator(_texts(table), trainer)
    return tokenizer


def _texts(table: ParallelTable) -> Iterator[str]:
    def with_prefixes() -> Iterable[str]:
        for row in table.rows:
            yield QUERY_PREFIX + row.query
            yield PASSAGE_PREFIX + row.passage

    yield from dict.fromkeys(with_prefixes())
