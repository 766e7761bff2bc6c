"""The parent's end of a worker: a process that runs one library, with a limit on how long an answer may take."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any

_THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class WorkerError(Exception):
    """A worker ended or did not answer; the message says which and how."""


class Worker:
    """A process with one library, held to ``threads`` threads and, where the system allows it, as many CPUs."""

    def __init__(self, library: str, threads: int) -> None:
        self.library, self._threads = library, threads
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._complaints: IO[bytes] | None = None
        self.version = ""

    def ask(self, request: dict[str, Any], limit: float) -> dict[str, Any]:
        """The answer to a request; a process that fails is started anew for the next one.

        Raises WorkerError if the process ends or takes longer than ``limit`` seconds.
        """
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed() from None
        return self._answer(limit)

    def _start(self) -> None:
        environment = {**os.environ, **dict.fromkeys(_THREAD_SETTINGS, str(self._threads))}
        self._answers, self._complaints = queue.Queue(), tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fastdl.benchmark.worker", self.library, str(self._threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        threading.Thread(target=self._read, args=(self._process.stdout, self._answers), daemon=True).start()
        self.version = self._answer(120)["version"]

    @staticmethod
    def _read(stream: Any, answers: "queue.Queue[str | None]") -> None:
        for line in stream:
            answers.put(line)
        answers.put(None)

    def _answer(self, limit: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=limit)
        except queue.Empty:
            self.close()
            raise WorkerError(f"took longer than {limit:.0f} s") from None
        if line is None:
            raise self._failed()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failed(self) -> WorkerError:
        assert self._process is not None
        code, last = self._process.wait(), self._last_words()
        self.close()
        return WorkerError(f"its process ended with code {code}{last and ': '}{last}")

    def _last_words(self) -> str:
        """The last line on standard error: of an exception, what it says."""
        assert self._complaints is not None
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._complaints):
                if stream is not None:
                    stream.close()
            self._process = None
