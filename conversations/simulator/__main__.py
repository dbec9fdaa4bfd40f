"""`python -m conversations.simulator`: run the simulated WhatsApp until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import orjson

from conversations.simulator import config as configuration
from conversations.simulator.app import SimulatorServer
from conversations.simulator.config import Config

try:
    import uvloop
except ImportError:  # no wheel for this platform
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    new_loop = uvloop.new_event_loop

log = logging.getLogger("simulator")


def arguments(argv: list[str]) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m conversations.simulator", description=__doc__)
    parser.add_argument("--host", default=os.environ.get("SIMULATOR_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("SIMULATOR_PORT", "8010")))
    parser.add_argument("--config", type=Path, help="JSON; without it, the demo's clinic")
    parser.add_argument("--ledger", type=Path, help="append every accepted send to this file")
    parser.add_argument("--seed", type=int, help="make chance and ids repeatable")
    parser.add_argument("--speed", type=float, help="simulated seconds a second; 0 stops the clock")
    parser.add_argument("--responder", action="store_true", help="for benchmarks: no limits, quiet and prompt")
    parser.add_argument("--latency-ms", type=float, help="answer every accepted send after this long")
    parser.add_argument("--no-statuses", action="store_true", help="send no status webhooks")
    return parser.parse_args(argv)


def settings(options: argparse.Namespace) -> Config:
    """Return the configuration that the command line asks for; raises ConfigError."""
    config = configuration.demo()
    if options.config is not None:
        config = configuration.read(orjson.loads(options.config.read_bytes()))
    if options.seed is not None:
        config.seed = options.seed
    if options.speed is not None:
        config.speed = options.speed
    if options.responder:
        config.behaviour.limits.enabled = False
        config.behaviour.limits.window = "off"
        config.behaviour.lifecycle.sent_s = [0.05, 0.1]
        config.behaviour.lifecycle.delivered_s = [0.1, 0.2]
        config.behaviour.lifecycle.read_s = [0.2, 0.5]
    if options.latency_ms is not None:
        config.behaviour.latency_ms = options.latency_ms
    if options.no_statuses:
        config.behaviour.lifecycle.statuses = False
    return config


async def run(config: Config, *, host: str, port: int, ledger: Path | None) -> None:
    """Serve until SIGINT or SIGTERM."""
    server = SimulatorServer(config, ledger_path=ledger)
    bound = await server.start(host=host, port=port)
    log.info("listening on http://%s:%s/", host, bound)
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await stopped.wait()
    await server.close()


def main() -> int:
    """Run the program."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    options = arguments(sys.argv[1:])
    try:
        config = settings(options)
    except (configuration.ConfigError, OSError, ValueError) as exc:
        log.error("configuration: %s", exc)  # noqa: TRY400 - a person reads it, not a stack
        return 2
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run(config, host=options.host, port=options.port, ledger=options.ledger))
    return 0


if __name__ == "__main__":
    sys.exit(main())
