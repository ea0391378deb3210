"""What the page of a comparison holds: its table, its curves, users' rates, and the first block's map and rounds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.page.followed import Followed
from experiments.page.looks import look_of
from multicell_env.allocations.registry import ALLOCATIONS
from multicell_env.evaluation.tables import NEEDS, PILOT_WORDS
from multicell_env.evaluation.users import LOW_RATE, PERCENTS
from multicell_env.rendering.map_drawing import FULL, SILENT, WEAKEST_DB, line_width
from multicell_env.rendering.network_map import DIAL, NetworkMap
from multicell_env.rendering.powers import band_colours

COLUMNS = (
    ("first", "first slot", 1),
    ("last_slot", "last slot", 2),
    ("all_slots", "all slots", 2),
    ("percent_of_best_known", "% best known, last", 1),
    ("percent_of_best_known_all_slots", "% best known, all", 1),
    ("percent_of_bound", "% bound", 1),
    ("utility", "utility", 3),
    ("users_below_0.1", f"% users below {LOW_RATE:g}", 1),
    ("fifth_percentile", "5 % rate", 2),
    ("jain", "Jain", 3),
    ("geometric_mean", "geometric mean", 2),
    ("ms_per_decision", "ms", 3),
)
"""Keys, headers and decimals of the table's columns of numbers; those that no method has are left out."""
REFERENCES = ("wmmse", "planned", "pricing", "flwf", "uniform")
"""Allocations that are ticked at first, beside all policies."""
SHARES = 1000
"""What a whole slot budget is in the page's whole numbers."""


def contents(
    results: Mapping[str, Any],
    title: str,
    network: NetworkMap,
    num_bands: int,
    followed: Sequence[Followed],
    curves: list[dict[str, Any]],
    *,
    command: str | None = None,
) -> dict[str, Any]:
    """Everything that the page shows, as JSON.

    Args:
        results: From `evaluation.as_json`.
        title: What was played.
        network: The map of the first network.
        num_bands: Its bands.
        followed: Methods round by round on the first block.
        curves: From `committed_curves`.
        command: What was typed.
    """
    methods: Mapping[str, Any] = results["methods"]
    names = sorted(methods, key=lambda name: -methods[name]["last_slot"]["mean"])
    for curve in curves:
        shown = {method for panel in curve["panels"].values() for method in panel}
        curve["looks"] = {method: look_of(method, sorted(shown)) for method in shown}
    of_name = {one.name: one for one in followed}
    rows = [_row(name, methods, of_name.get(name)) for name in names]
    columns = [
        {"key": key, "header": header, "digits": digits}
        for key, header, digits in COLUMNS
        if any(row["numbers"][key][0] is not None for row in rows)
    ]
    return {
        "title": title,
        "facts": _facts(results, command),
        "columns": columns,
        "percents": list(PERCENTS),
        "methods": rows,
        "map": _map(network, num_bands),
        "curves": curves,
    }


def _row(name: str, methods: Mapping[str, Any], followed: Followed | None) -> dict[str, Any]:
    method = methods[name]
    numbers = {key: _number(method.get(key)) for key, _, _ in COLUMNS}
    numbers["first"] = (method["per_slot"][0], None)
    return {
        "name": name,
        **look_of(name, list(methods)),
        "ticked": name not in ALLOCATIONS or name in REFERENCES,
        "numbers": numbers,
        "needs": _needs(method),
        "per_slot": [round(capacity, 4) for capacity in method["per_slot"]],
        "percentiles": [round(rate, 4) for rate in method.get("user_rate_percentiles", [])],
        "rounds": None if followed is None else _rounds(followed),
    }


def _number(value: Any) -> tuple[float | None, float | None]:
    """A number and its interval, each None where there is none."""
    mean, ci95 = (value["mean"], value["ci95"]) if isinstance(value, Mapping) else (value, None)
    known, interval = (None if part is None or not math.isfinite(part) else part for part in (mean, ci95))
    return known, interval


def _needs(method: Mapping[str, Any]) -> str:
    measured = method.get("measurements") or {"rounds_per_slot": 0, "pilots": ()}
    pilots = " + ".join(PILOT_WORDS[pilot] for pilot in measured["pilots"])
    return NEEDS[method["knowledge"]] + (f": {measured['rounds_per_slot']} {pilots}" if measured["rounds_per_slot"] else "")


def _rounds(followed: Followed) -> dict[str, Any]:
    """Capacities of all rounds, and powers in thousandths of the slot budget; a round in which nothing changed has none."""
    negotiation, shares, before = followed.negotiation, [], None
    for powers in negotiation.powers[:, 0]:
        now = np.rint(SHARES * powers / powers.shape[-1]).astype(int).tolist()
        shares.append(None if now == before else now)
        before = now
    return {
        "per_slot": followed.rounds_per_slot,
        "capacities": [round(float(mean), 3) for mean in negotiation.capacities[:, 0]],
        "shares": shares,
    }


def _map(network: NetworkMap, num_bands: int) -> dict[str, Any]:
    """Places in spacings, and the lines between cells with their widths at both ends."""
    loudness, low_high = network.interference_db, network.limits
    pairs = np.argwhere(np.triu(np.maximum(loudness, loudness.T) >= WEAKEST_DB, 1)).tolist()
    return {
        "low": low_high[0].round(3).tolist(),
        "high": low_high[1].round(3).tolist(),
        "dial": DIAL,
        "full": FULL * SHARES,
        "silent": SILENT * SHARES,
        "colours": band_colours(num_bands),
        "cells": network.cells.round(3).tolist(),
        "users": [users.round(3).tolist() for users in network.users],
        "links": [
            [one, other, *(round(line_width(float(loudness[pair])), 4) for pair in ((other, one), (one, other)))] for one, other in pairs
        ],
    }


def _facts(results: Mapping[str, Any], command: str | None) -> list[list[str]]:
    """What was played, in words."""
    facts = {
        "network": "B cells with M antennas and U users each, F bands, T slots with k iterations each",
        "blocks": f"{results['num_blocks']}; block i is that of env.reset(seed={results['seed']} + i)",
        "intervals": "95 %, over blocks" if results["num_blocks"] > 1 else "none: there is one block",
        "capacity": "sum rate of a cell, average over the cells, bit/s/Hz",
        "command": command,
    }
    return [[name, value] for name, value in facts.items() if value]
