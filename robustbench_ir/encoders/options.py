"""Options with which an encoder is loaded and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustbench_ir.encoders.providers import FORMATS, EncodingFormat
from robustbench_ir.errors import OptionError

_DTYPES = ("float32", "float16", "bfloat16")
_BACKENDS = ("torch", "onnx", "openvino")
_OWN_FIELDS = {"model", "input", "texts", "requests", "encoding_format"}


@dataclass(frozen=True)
class EncoderOptions:
    """Options with which a model is loaded and run.

    Attributes
    ----------
    query_prompt, passage_prompt : str, optional
        Prefix of each text. Default: the model's own prompts, otherwise those that are documented for its family.
    device : str, optional
        Device such as ``"cuda"``. Default: sentence-transformers chooses.
    batch_size : int
        Texts in each forward pass, or in each request to an endpoint; at least 1.
    dtype : {"float32", "float16", "bfloat16"}, optional
        Type of the weights. Default: the model's own.
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
