"""Tables of what was measured: medians, least and most, and ratios within the same round."""

import re
from statistics import median

from .builders import ABOUT, OURS, PEERS
from .cases import CASES, PULL

MEGABYTE = 1e6
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def select(records, **wanted):
    """The records that have these values."""
    return [record for record in records if all(record.get(key) == value for key, value in wanted.items())]


def ordered(records, key):
    """The values of a key, in the order they came."""
    return list(dict.fromkeys(record[key] for record in records))


def number(value):
    """Three digits that matter, and not more."""
    if value is None:
        return "–"
    if value == int(value):
        return str(int(value))
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def spread(values):
    """Median, and least and most where there are several."""
    if not values:
        return "–"
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))}–{number(max(values))})"


def ratios(records, ours, key):
    """How many times ours a builder took, round by round."""
    base = {record["round"]: record[key] for record in ours if record.get(key)}
    return [record[key] / base[record["round"]] for record in records if record.get(key) and record["round"] in base]


def name_of(record):
    """What a line of a table begins with."""
    about = ABOUT[record["builder"]]
    if CASES[record["case"]].has_python:
        return about
    if CASES[record["case"]].is_dockerfile:
        return about.replace(" uv with a cache mount,", "")
    if CASES[record["case"]].is_conda:
        return about
    return re.sub(r"\b(pip|uv) with a cache mount\b", "apt with cache mounts", about)


def good(records):
    """Those that did not fail."""
    return [record for record in records if not record.get("failed")]


def row(cells):
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    """A table of Markdown."""
    return [row(head), row(["---"] * len(head)), *(row(cells) for cells in rows), ""]


def middle(records, key, scale=1.0):
    """The median of a key."""
    values = [record[key] / scale for record in records if record.get(key) is not None]
    return number(median(values)) if values else "–"


def times(records, ours, key):
    """A cell with ratios; nothing for ourselves."""
    return "1" if records is ours else spread(ratios(records, ours, key))


def case_rows(records):
    """The lines of one case's table."""
    ours = good(select(records, builder=OURS))
    for builder in ordered(records, "builder"):
        all_of_it = select(records, builder=builder)
        mine = ours if builder == OURS else good(all_of_it)
        if not mine:
            yield [name_of(all_of_it[0]), f"*{all_of_it[0]['failed'].splitlines()[0]}*", *["–"] * 7]
            continue
        yield [
            name_of(mine[0]), spread([record["seconds"] for record in mine]), times(mine, ours, "seconds"),
            spread([record["cpu_seconds"] for record in mine]), times(mine, ours, "cpu_seconds"),
            middle(mine, "registry_cpu_seconds"), middle(mine, "peak_memory", MEGABYTE),
            middle(mine, "size", MEGABYTE), middle(mine, "layers"),
        ]


def pull_rows(records):
    """The lines of one reader's table."""
    ours = good(select(records, builder=OURS))
    for builder in ordered(records, "builder"):
        all_of_it = select(records, builder=builder)
        mine = ours if builder == OURS else good(all_of_it)
        if not mine:
            yield [ABOUT[builder], f"*{all_of_it[0]['failed']}*", *["–"] * 4]
            continue
        yield [
            ABOUT[builder], spread([record["seconds"] for record in mine]), times(mine, ours, "seconds"),
            spread([record["cpu_seconds"] for record in mine]), times(mine, ours, "cpu_seconds"),
            middle(mine, "bytecode_files"),
        ]


HEAD = ["", "total s", "× ours", "CPU s", "× ours", "registry CPU s", "memory MB", "image MB", "layers"]
PULL_HEAD = ["", "pull s", "× ours", "CPU s", "× ours", "bytecode files"]


def best_peer(records):
    """The peer with the least median."""
    peers = [builder for builder in ordered(records, "builder") if not builder.startswith(OURS)]
    middles = {
        builder: median(record["seconds"] for record in mine)
        for builder in peers if (mine := good(select(records, builder=builder)))
    }
    return min(middles, key=middles.get, default=None)


def summary_rows(records):
    """One line a case: ours against the peer that was fastest in it."""
    for case, bytecode in dict.fromkeys((record["case"], record["bytecode"]) for record in records):
        if case == PULL:
            continue
        here = select(records, case=case, bytecode=bytecode)
        ours, best = good(select(here, builder=OURS)), best_peer(here)
        if not ours or best is None:
            continue
        peer = good(select(here, builder=best))
        yield [
            CASES[case].title, bytecode or "–", middle(ours, "seconds"), f"{middle(peer, 'seconds')} ({best})",
            spread(ratios(peer, ours, "seconds")), spread(ratios(peer, ours, "cpu_seconds")),
        ]


def machine_lines(result):
    """What was measured, where and when."""
    machine, base = result["machine"], result["base"]
    docker = "; ".join(result["docker"])
    return [
        f"- {result['date']}, {result['imagewright']} (program `{result['program']}`, clone `{result['revision']}`); "
        f"uv {result['uv']}; {docker}.",
        f"- {machine['processor']}, {machine['cores']} cores, {machine['memory'] / 2**30:.0f} GiB; "
        f"{machine['system']}, Linux {machine['kernel']}. The host's Docker decodes gzip "
        f"{'by pigz' if machine['pigz'] else 'without pigz'}, the newer one by pigz.",
        f"- Base: Debian {base['packages'].replace(',', ', ')}; {base['size'] / MEGABYTE:.1f} MB, one layer.",
        f"- Rounds: {result['rounds']}. Load of the machine before each measurement: "
        f"{spread([record['load'] for record in result['records'] if 'load' in record])}.",
        "",
    ]


def markdown(result):
    """The whole report."""
    records = result["records"]
    lines = machine_lines(result)
    summary = list(summary_rows(records))
    if summary:
        head = ["", "bytecode", "ours s", "best peer s", "time, × ours", "CPU s, × ours"]
        lines += ["### In short", "", *table(head, summary)]
    for case, bytecode in dict.fromkeys((record["case"], record["bytecode"]) for record in records):
        here = select(records, case=case, bytecode=bytecode)
        with_bytecode = f", bytecode {bytecode}" if bytecode else ""
        if case == PULL:
            for reader in ordered(here, "reader"):
                lines += [f"### Pull of W1 by {reader}{with_bytecode}", ""]
                lines += table(PULL_HEAD, pull_rows(select(here, reader=reader)))
            continue
        lines += [f"### {CASES[case].title}{with_bytecode}", "", CASES[case].about, ""]
        lines += table(HEAD, case_rows(here))
    lines += notes(records)
    lines += ["### The peers' Dockerfiles", ""]
    for path in sorted(PEERS.glob("*.Dockerfile")):
        lines += [f"`{path.name}`", "", "```dockerfile", path.read_text().rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def notes(records):
    """What a reader of the numbers must know beside them."""
    found = []
    for builder in ordered(records, "builder"):
        unpacking = [record["unpacking_seconds"] for record in select(records, case="w1-first", builder=builder)
                     if record.get("unpacking_seconds")]
        if unpacking:
            found.append(
                f"- {builder}: {spread(unpacking)} s of W1's first build go into unpacking the result into Docker's "
                "own store, which a BuildKit of its own need not do.")
    for record in records:
        found += [f"- Pulled images of round {record['round']}: {text}" for text in record.get("differences", [])]
    return ["### Notes", "", *dict.fromkeys(found), ""] if found else []


def write_between_marks(path, text):
    """Puts the report into a page, in place of the one before."""
    page = path.read_text()
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
