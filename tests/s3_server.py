"""An S3 server on loopback, which counts what it is asked, and a bucket of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import uuid4

import boto3
from moto.server import ThreadedMotoServer

SECRET = "a-secret-that-nobody-may-print"


@dataclass
class Server:
    """What stands in front of moto: it notes requests, and makes conditional writes atomic as S3 does."""

    app: Any
    asked: list[tuple[str, str]] = field(default_factory=list)
    _writing: Lock = field(default_factory=Lock)

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        method = environ["REQUEST_METHOD"]
        self.asked.append((method, f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"))
        if method in ("GET", "HEAD"):
            return self.app(environ, start)
        with self._writing:
            return self.app(environ, start)


@dataclass
class Bucket:
    """A bucket of its own."""

    name: str
    options: dict[str, str]
    server: Server
    client: Any

    def uri(self, path: str = "kb") -> str:
        return f"s3://{self.name}/{path}"

    def count(self, work: Callable[[], object]) -> list[tuple[str, str]]:
        """What is asked of the server while something is done."""
        before = len(self.server.asked)
        work()
        return self.server.asked[before:]

    def keys(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def holds(self, trace: bytes) -> list[str]:
        """The objects that hold some bytes."""
        return [
            key
            for key in self.keys()
            if trace in self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        ]


@contextmanager
def served() -> Iterator[tuple[Server, str]]:
    """The server and its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    server = Server(moto._server.app)
    moto._server.app = server
    try:
        yield server, f"http://{host}:{port}"
    finally:
        moto.stop()


def new_bucket(server: Server, endpoint: str) -> Bucket:
    """One that nobody else uses."""
    options = {
        "aws_access_key_id": "somebody",
        "aws_secret_access_key": SECRET,
        "region": "us-east-1",
        "endpoint": endpoint,
        "allow_http": "true",
    }
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=options["aws_access_key_id"],
        aws_secret_access_key=SECRET,
        region_name=options["region"],
    )
    name = f"bucket-{uuid4().hex}"
    client.create_bucket(Bucket=name)
    return Bucket(name, options, server, client)
