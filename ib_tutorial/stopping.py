"""SIGTERM, which batch systems and `kill` send, is handled as Ctrl-C is: the program cleans up and prints one message."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def sigterm_as_control_c() -> Iterator[None]:
    """Within this context the first SIGTERM raises KeyboardInterrupt; those that follow do nothing, since we are stopping.

    A handler that somebody else has set stays. Outside the main thread, where Python sets no handlers, nothing changes.
    """
    if not in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def deaf() -> Iterator[None]:
    """Processes started within this context ignore both signals, which a terminal or a batch system sends to them too.

    The process that started them hears it, and ends them.
    """
    if not in_main_thread():
        yield
        return
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def end_with_parent(parent: int) -> None:
    """Make this process, a worker, end within a second after its parent was killed; at once if that was before.

    Windows tells no process that its parent is gone: nothing changes there.

    Args:
        parent: the process that started this one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if os.name == "posix":
        threading.Thread(target=watch, daemon=True).start()


def in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
