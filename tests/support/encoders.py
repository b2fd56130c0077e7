"""Small encoders, and an endpoint of embeddings on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np

from robustbench_ir.encoders.store.store import text_key

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def letters_tokenizer() -> PreTrainedTokenizerFast:
    """Make BERT's tokeniser for a vocabulary of the visible ASCII characters.

    By hand: transformers 5 takes no vocabulary file, silently, and knows no letter then.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(0x21, 0x7F)]
    vocabulary = [*special, *letters, *(f"##{letter}" for letter in letters)]
    places = {token: place for place, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(places, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", places["[CLS]"]), ("[SEP]", places["[SEP]"])]
    )
    names = {f"{token.strip('[]').lower()}_token": token for token in special}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def rows_of(texts: Sequence[str], seed: str = "") -> np.ndarray:
    """Eight numbers in [-1, 1) of every text."""
    numbers = np.frombuffer(b"".join(text_key(seed + text) * 2 for text in texts), dtype="<u4").reshape(-1, 8)
    return (numbers / 2**31 - 1).astype(np.float32)


class EmbeddingServer:
    """An endpoint that answers as OpenAI's does, except for what is in `script`: one entry for each coming request."""

    def __init__(self) -> None:
        self.requests: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.script: list[tuple[int, dict[str, str], str]] = []
        self.seed = ""
        self.refused = ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.times.append(time.monotonic())
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append(body)
                server.headers.append(dict(self.headers))
                status, headers, content = server.answer(self.path, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content.encode())))
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path: str, body: dict[str, object]) -> tuple[int, dict[str, str], str]:
        if self.script:
            return self.script.pop(0)
        if path != "/v1/embeddings" or body["model"] != "tiny":
            return 404, {}, json.dumps({"error": {"message": "The model does not exist."}})
        texts = body["input"]
        assert isinstance(texts, list)
        if self.refused and any(self.refused in text for text in texts):
            return 400, {}, json.dumps({"error": {"message": "maximum context length is 8192 tokens"}})
        data = [
            {"object": "embedding", "index": index, "embedding": row.tolist()}
            for index, row in enumerate(rows_of(texts, self.seed))
        ]
        return 200, {"Content-Type": "application/json"}, json.dumps({"data": data[::-1], "model": "tiny"})

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
