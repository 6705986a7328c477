"""What is built, and from which state. Preparing is never timed."""

import itertools
from typing import Callable, NamedTuple

from . import conda
from .builders import Job
from .project import Change

W1 = ("numpy", "pandas", "scikit-learn", "matplotlib", "jupyterlab", "ipykernel")
W4 = ("tensorflow",)
ADDED = "polars"
BESIDE = ("duckdb", "pyarrow", "bokeh", "sympy")
APT = ("git", "build-essential", "libgomp1", "graphviz")
# The case that measures not builders but those who use what they built.
PULL = "pull"
# Small packages one of which makes the list another one.
SMALL = ("tree", "less", "bc", "time", "pv", "patchutils")


class Round(NamedTuple):
    """Which repetition, and how Python packages are to be built in it."""

    number: int
    bytecode: str

    def job(self, pip, **others):
        """A job with Python packages."""
        return Job(pip=tuple(pip), bytecode=self.bytecode, **others)


class Case(NamedTuple):
    """A situation that is measured."""

    title: str
    about: str
    # Brings a builder into the state from where it is measured, and gives the jobs to measure.
    prepare: Callable | None
    has_python: bool = True
    # Whether everybody builds the same Dockerfile.
    is_dockerfile: bool = False
    is_conda: bool = False


def has(builder, wanted):
    """Whether a builder, since it was wiped, built an image of these packages, in whatever order."""
    return any(set(job.pip) == set(wanted.pip) and job.bytecode == wanted.bytecode for job in builder.built)


def know_w1(builder, this, unknown=()):
    """Has the builder know W1, and not the packages in `unknown`."""
    w1 = this.job(W1)
    known = {package for job in builder.built for package in job.pip}
    if not has(builder, w1) or known & set(unknown):
        builder.wipe()
        builder.build([w1])
    return w1


def first_w1(builder, this):
    """First build ever of W1."""
    builder.wipe()
    return [this.job(W1)]


def identical(builder, this):
    """The very same request again."""
    know_w1(builder, this)
    last = next(job for job in reversed(builder.built) if set(job.pip) == set(W1))
    return [last]


def relabelled(builder, this):
    """Same list, another label."""
    know_w1(builder, this)
    last = next(job for job in reversed(builder.built) if set(job.pip) == set(W1))
    return [last._replace(note=f"label {this.number}")]


def reordered(builder, this):
    """Same packages in another order, which is another one in each round, and another label."""
    know_w1(builder, this)
    orders = itertools.islice(itertools.permutations(W1), 1, None)
    order = next(itertools.islice(orders, 53 * this.number % 719, None))
    return [this.job(order, note=f"order {this.number}")]


def one_added(builder, this):
    """One more package, which is not known yet."""
    know_w1(builder, this, unknown=[ADDED])
    return [this.job([*W1, ADDED], name="added:1")]


def four(this):
    """Four lists that share W1."""
    return [this.job([*W1, package], name=f"{package}:1") for package in BESIDE]


def four_first(builder, this):
    """Four lists at once, nothing known."""
    builder.wipe()
    return four(this)


def four_known(builder, this):
    """Four lists at once, W1 known, what is beside it not."""
    know_w1(builder, this, unknown=BESIDE)
    return four(this)


def first_w4(builder, this):
    """First build ever of W4."""
    builder.wipe()
    return [this.job(W4)]


def first_apt(builder, this):
    """First build ever of the apt list."""
    del this
    builder.wipe()
    return [Job(apt=APT)]


def known_apt(builder, this):
    """The apt list and a small package, all of which the builder downloaded for other images."""
    small = SMALL[this.number % len(SMALL)]
    jobs = [Job(apt=APT), Job(apt=(small,), name="small:1")]
    wanted = Job(apt=(*APT, small))
    if wanted in builder.built:
        builder.wipe()
    for job in jobs:
        if job not in builder.built:
            if not builder.built:
                builder.wipe()
            builder.build([job])
    return [wanted]


def first_conda(builder, this):
    """First build ever of the conda list."""
    del this
    builder.wipe()
    return [Job(conda=conda.LIST)]


def know_conda(builder):
    """Has the builder know the conda list and no more."""
    if [job.conda for job in builder.built] != [conda.LIST]:
        builder.wipe()
        builder.build([Job(conda=conda.LIST)])


def same_conda(builder, this):
    """The conda list again."""
    del this
    know_conda(builder)
    return [Job(conda=conda.LIST)]


def relabelled_conda(builder, this):
    """The conda list with another label, and in another order."""
    know_conda(builder)
    return [Job(conda=conda.LIST[::-1], note=f"label {this.number}")]


def added_conda(builder, this):
    """One more conda package, which is not known yet."""
    del this
    know_conda(builder)
    return [Job(conda=(*conda.LIST, conda.ADDED), name="added:1")]


def first_project(builder, this):
    """First build ever of the Dockerfile."""
    del this
    builder.wipe()
    return [Job(project=Change())]


def last_project(builder):
    """The state that the builder has built last; it builds the first one where it has none."""
    states = [job.project for job in builder.built if job.project is not None]
    if not states:
        builder.wipe()
        builder.build([Job(project=Change())])
    return states[-1] if states else Change()


def same_project(builder, this):
    """The same Dockerfile again."""
    del this
    return [Job(project=last_project(builder))]


def changed_program(builder, this):
    """The file that is copied last is another one."""
    return [Job(project=last_project(builder)._replace(program=this.number))]


def changed_library(builder, this):
    """One of the files that a stage is made of is another one."""
    return [Job(project=last_project(builder)._replace(library=this.number))]


# In the order of a round, so that one case leaves what the next needs.
CASES = {
    "w1-first": Case("W1, first build ever", " ".join(W1), first_w1),
    "w1-identical": Case("W1, identical request", "nothing changed", identical),
    "w1-label": Case("W1, another label", "same list", relabelled),
    "w1-order": Case("W1, another order", "same packages, known; another label", reordered),
    PULL: Case("W1, pulled and run by Docker", "the finished images", None),
    "w1-added": Case("W1, one package added", f"{ADDED}, not known", one_added),
    "four-known": Case("four lists at once, W1 known", f"W1 and one of {' '.join(BESIDE)}", four_known),
    "four-first": Case("four lists at once, first builds ever", "the same", four_first),
    "w4-first": Case("W4, first build ever", " ".join(W4), first_w4),
    "apt-first": Case("apt, first build ever", " ".join(APT), first_apt, has_python=False),
    "apt-known": Case("apt, list changed", "one more small package, all known", known_apt, has_python=False),
    "conda-first": Case("conda, first build ever", " ".join(conda.LIST), first_conda, False, is_conda=True),
    "conda-same": Case("conda, identical request", "nothing changed", same_conda, False, is_conda=True),
    "conda-order": Case("conda, another order", "same packages; another label", relabelled_conda, False, is_conda=True),
    "conda-added": Case("conda, one package added", f"{conda.ADDED}, not known", added_conda, False, is_conda=True),
    "df-first": Case("Dockerfile, first build ever", "three stages", first_project, False, True),
    "df-identical": Case("Dockerfile, nothing changed", "the same", same_project, False, True),
    "df-program": Case("Dockerfile, one file changed", "the one copied last", changed_program, False, True),
    "df-library": Case("Dockerfile, a stage changed", "one of 2,001 files", changed_library, False, True),
}
DEFAULT = ["w1-first", "w1-identical", "w1-label", "w1-order", PULL, "w1-added", "w4-first", "apt-first", "apt-known",
           "conda-first", "conda-same", "conda-order", "conda-added",
           "df-first", "df-identical", "df-program", "df-library"]
