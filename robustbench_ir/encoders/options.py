"""Options with which an encoder is loaded and run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from pydantic import JsonValue, TypeAdapter, ValidationError

from robustbench_ir.encoders.providers import FORMATS, EncodingFormat
from robustbench_ir.errors import OptionError

_DTYPES = ("float32", "float16", "bfloat16")
_BACKENDS = ("torch", "onnx", "openvino")
_OWN_FIELDS = {"model", "input", "texts", "requests", "encoding_format"}
SIMILARITIES = ("cosine", "dot", "euclidean", "manhattan")
Setting = str | int | float | bool | None
"""Value of a keyword that is handed to the model's own code."""

OptionValue = Setting | dict[str, JsonValue]
_NOT_DECISIVE = frozenset({"device", "devices", "batch_size", "requests_per_minute", "timeout", "trust_remote_code"})

_OWN_KEYWORDS = {
    "batch_size": "--batch-size",
    "device": "--device",
    "dtype": "--dtype",
    "torch_dtype": "--dtype",
    "normalize_embeddings": "--similarity",
    "prompt": "--query-prompt and --passage-prompt",
    "prompt_name": "--query-prompt-name and --passage-prompt-name",
    "truncate_dim": "--truncate-dim",
}
_REFUSED_KEYWORDS = frozenset(
    {"chunk_size", "convert_to_numpy", "convert_to_tensor", "output_value", "pool", "precision", "show_progress_bar"}
    | {"save_to_cpu", "convert_to_sparse_tensor", "output_loading_info", "ignore_mismatched_sizes"}
)


@dataclass(frozen=True)
class EncoderOptions:
    """Options with which a model is loaded and run.

    Attributes
    ----------
    query_prompt, passage_prompt : str, optional
        Prefix of each text. Default: the model's own prompts, otherwise those that are documented for its family.
    query_prompt_name, passage_prompt_name : str, optional
        Name of one of the model's own prompts, if it has several.
    query_task, passage_task : str, optional
        Task that a model which takes one receives for each side. Default: the names that it knows.
    similarity : {"cosine", "dot", "euclidean", "manhattan"}, optional
        How rows are compared. Default: what the model's files say, otherwise what is documented for its family,
        otherwise cosine.
    encode_kwargs : mapping of str to value
        Further keywords for each call of the model's ``encode``.
    model_kwargs : mapping of str to value
        Further keywords for loading the model.
    device : str, optional
        Device such as ``"cuda"``. Default: sentence-transformers chooses.
    batch_size : int
        Texts in each forward pass, or in each request to an endpoint; at least 1.
    dtype : {"float32", "float16", "bfloat16"}, optional
        Type of the weights. Default: the model's own, but float32 on a CPU, where half precision is slow.
    max_length : int, optional
        Number of tokens after which a text is cut. Default: the model's own.
    revision : str, optional
        Commit, branch or tag on the hub. For an endpoint, any name for the state of its model.
    trust_remote_code : bool
        Whether code of the model's author may run. Default: False.
    truncate_dim : int, optional
        Number of dimensions to keep, for models that are trained for it (Matryoshka); at least 1.
    backend : {"torch", "onnx", "openvino"}
        Library that computes the embeddings; the latter two are extras.
    devices : tuple of str
        Several devices, with one process each, such as ``("cuda:0", "cuda:1")``.
    requests_per_minute : float, optional
        Limit for an endpoint. Default: none.
    timeout : float
        Seconds that an endpoint may take for an answer.
    query_body, passage_body : mapping, optional
        Further fields of the requests to an endpoint, such as ``{"input_type": "query"}``. Default: those that its
        provider needs.
    encoding_format : {"float", "base64", "none"}, optional
        How an endpoint writes numbers. Default: the first of these that it accepts.
    """

    query_prompt: str | None = None
    passage_prompt: str | None = None
    query_prompt_name: str | None = None
    passage_prompt_name: str | None = None
    query_task: str | None = None
    passage_task: str | None = None
    similarity: str | None = None
    encode_kwargs: Mapping[str, Setting] = field(default_factory=dict)
    model_kwargs: Mapping[str, Setting] = field(default_factory=dict)
    device: str | None = None
    batch_size: int = 32
    dtype: str | None = None
    max_length: int | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    truncate_dim: int | None = None
    backend: str = "torch"
    devices: tuple[str, ...] = ()
    requests_per_minute: float | None = None
    timeout: float = 60.0
    query_body: Mapping[str, object] | None = None
    passage_body: Mapping[str, object] | None = None
    encoding_format: EncodingFormat | None = None


_DEFAULTS = EncoderOptions()
_DECISIVE = tuple(one.name for one in fields(EncoderOptions) if one.name not in _NOT_DECISIVE)
_REQUESTS = ("query_body", "passage_body", "encoding_format")
_TASKS = ("query_task", "passage_task")
_ENCODING = ("query_prompt_name", "passage_prompt_name", *_TASKS, "similarity", "encode_kwargs")
_LOADING = ("dtype", "max_length", "truncate_dim", "backend", "model_kwargs")

IGNORED: Mapping[str, tuple[str, ...]] = {
    "a built-in encoder": _DECISIVE,
    "a plug-in": _DECISIVE,
    "an encoder object": _DECISIVE,
    "an endpoint, where the server chooses it": (
        *_ENCODING,
        *(option for option in _LOADING if option != "truncate_dim"),
        *("device", "devices", "trust_remote_code"),
    ),
    "a sentence-transformers model": _REQUESTS,
    "a model that takes no task": _TASKS,
    "a static model": ("backend", "model_kwargs"),
    "a multi-vector model": ("truncate_dim", *_ENCODING, *_REQUESTS),
    "a loaded model": _LOADING,
}
"""The options that each kind of encoder does not read."""


def is_gpu(device: str | None) -> bool:
    """Return whether a device is a GPU of CUDA; None stands for the best one that is there."""
    import torch

    return torch.cuda.is_available() if device is None else device.startswith("cuda")


def check_options(options: EncoderOptions) -> None:
    """Check that options are in range and do not exclude each other.

    Raises
    ------
    OptionError
        If they are not.
    """
    if options.dtype is not None and options.dtype not in _DTYPES:
        raise OptionError(f"dtype {options.dtype!r}: there are {', '.join(_DTYPES)}")
    if options.backend not in _BACKENDS:
        raise OptionError(f"backend {options.backend!r}: there are {', '.join(_BACKENDS)}")
    _check_choices(options)
    if options.dtype is not None and options.backend != "torch":
        raise OptionError(f"dtype needs the backend torch; {options.backend} uses the type of its exported file")
    if options.devices and options.device is not None:
        raise OptionError("device and devices exclude each other; name all devices in devices")
    if options.devices and options.backend != "torch":
        raise OptionError(f"several devices need the backend torch; {options.backend} uses all cores by itself")
    for name, number in (
        ("batch size", options.batch_size),
        ("maximum length", options.max_length),
        ("truncate_dim", options.truncate_dim),
    ):
        if number is not None and number < 1:
            raise OptionError(f"{name} {number}: must be at least 1")
    _check_requests(options)
    for name, amount in (("requests per minute", options.requests_per_minute), ("timeout", options.timeout)):
        if amount is not None and not amount > 0:
            raise OptionError(f"{name} {amount}: must be above 0")


def _check_requests(options: EncoderOptions) -> None:
    if options.encoding_format is not None and options.encoding_format not in FORMATS:
        raise OptionError(f"encoding format {options.encoding_format!r}: there are {', '.join(FORMATS)}")
    for body in (options.query_body, options.passage_body):
        own = _OWN_FIELDS & set(body or ())
        if own:
            raise OptionError(f"a body with {', '.join(sorted(own))}: that is written for each request; leave it out")


def _check_choices(options: EncoderOptions) -> None:
    if options.similarity is not None and options.similarity not in SIMILARITIES:
        raise OptionError(f"similarity {options.similarity!r}: there are {', '.join(SIMILARITIES)}")
    for keyword in (*options.encode_kwargs, *options.model_kwargs):
        if keyword in _OWN_KEYWORDS:
            raise OptionError(f"keyword {keyword}: say it by {_OWN_KEYWORDS[keyword]}")
        if keyword in _REFUSED_KEYWORDS:
            raise OptionError(f"keyword {keyword}: would change the form of the rows; leave it out")


def refuse_ignored(name: str, options: EncoderOptions, reader: str) -> None:
    """Refuse options that an encoder would ignore, since a result would record them as if they decided its numbers.

    Options that only say how fast or where an encoder runs, such as `batch_size`, are taken by every encoder.

    Parameters
    ----------
    name : str
        Name of the encoder.
    options : EncoderOptions
        What the user gave.
    reader : str
        What the encoder is; a key of `IGNORED`.

    Raises
    ------
    OptionError
        If there is one; the message names the encoder and the option.
    """
    for option in IGNORED[reader]:
        # An empty prompt is what an encoder without prompts has.
        if getattr(options, option) not in (getattr(_DEFAULTS, option), ""):
            raise OptionError(f"{name}: {option} cannot be set for {reader}; leave it out")


def decisive_options(options: EncoderOptions) -> dict[str, OptionValue]:
    """Return the options that were given and can change an embedding, by their names in `EncoderOptions`.

    An empty prompt is among them, because it differs from no option, which stands for the model's own prompt.
    """
    given = {
        one.name: getattr(options, one.name)
        for one in fields(EncoderOptions)
        if one.name not in _NOT_DECISIVE and getattr(options, one.name) != getattr(_DEFAULTS, one.name)
    }
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in given.items()}


def running_options(options: EncoderOptions) -> EncoderOptions:
    """Return the options that decide no number, such as the device, without the others.

    An encoder that is loaded already has the others inside.
    """
    return replace(_DEFAULTS, **{name: getattr(options, name) for name in _NOT_DECISIVE})


def options_from(decisive: Mapping[str, object]) -> EncoderOptions:
    """Return the options of which `decisive_options` are these.

    A file may hold them, so that no option is taken that decides what is executed, such as trust in a model's code.

    Raises
    ------
    OptionError
        If there is no such option, or if a value is of another type or out of range.
    """
    unknown = sorted({*decisive} - {one.name for one in fields(EncoderOptions)} | {*decisive} & _NOT_DECISIVE)
    if unknown:
        raise OptionError(
            f"{unknown[0]}: is not an option that decides an embedding; install the version that wrote it"
        )
    try:
        options = TypeAdapter(EncoderOptions).validate_python(dict(decisive))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise OptionError(f"{first['loc'][0]}: {first['msg']}; correct the option") from error
    check_options(options)
    return options


def options_as_words(decisive: Mapping[str, OptionValue]) -> list[str]:
    """Return the words of a command line that give these options."""
    words: list[str] = []
    for name, value in decisive.items():
        if name in {"encode_kwargs", "model_kwargs"} and isinstance(value, dict):
            option = f"--{name.removesuffix('s').replace('_', '-')}"
            words += [word for key, one in value.items() for word in (option, f"{key}={_as_text(one)}")]
        else:
            words += [f"--{name.replace('_', '-')}", _as_text(value)]
    return words


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
