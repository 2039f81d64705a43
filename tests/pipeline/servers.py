"""Servers of remotes on the loopback, and a line to them that breaks off."""

import logging
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

BUCKET = "results"


@contextmanager
def webdav(folder):
    """A WebDAV server of a folder; its port."""
    wsgidav, cheroot = pytest.importorskip("wsgidav.wsgidav_app"), pytest.importorskip("cheroot.wsgi")
    pytest.importorskip("dvc_webdav")
    folder.mkdir(exist_ok=True)
    settings = {
        "provider_mapping": {"/": str(folder)},
        "simple_dc": {"user_mapping": {"*": True}},
        "logging": {"enable": False},
    }
    server = cheroot.Server(("127.0.0.1", 0), wsgidav.WsgiDAVApp(settings))
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server.bind_addr[1]
    server.stop()
    thread.join()


@contextmanager
def s3():
    """An S3 server with an empty bucket; its port."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("dvc_s3")
    import boto3

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # every request, otherwise
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys).create_bucket(Bucket=BUCKET)
    yield port
    server.stop()


def s3_settings(port):
    """DVC's settings of a remote there."""
    return {
        "url": f"s3://{BUCKET}/store", "endpointurl": f"http://127.0.0.1:{port}", "region": "us-east-1",
        "access_key_id": "any", "secret_access_key": "any",
    }  # fmt: skip


class Line:
    """A port that leads to another one, and after so many bytes to nowhere.

    Attributes:
        left: bytes that it lets through, either way; to be set again.
    """

    def __init__(self, port, left):
        self.left, self._to = left, port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._server.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source, target):
        with suppress(OSError):
            while (content := source.recv(1 << 14)) and self.left > 0:
                self.left -= len(content)
                target.sendall(content)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
