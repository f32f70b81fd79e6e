"""The command line: options to values, errors to messages and exit codes.

Exit codes: 0 done, 1 some trials failed but the run finished, 2 bad input or usage, 130
interrupted, by a person or by a fault of the machine, and resumable.
"""

import argparse
import errno
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from search import ray_settings
from search.cli.address import check_answers
from search.cli.at_store import OF_A_RUN, driving, reading_store
from search.cli.cache_folder import default_cache, writable_cache
from search.cli.exit_codes import BAD_INPUT, OK, SOME_FAILED
from search.cli.on_data import run_audit_of, run_quick, run_screen
from search.cli.options import build_parser
from search.cli.run_config import check_not_empty, new_config, resumed_config
from search.cli.space_names import check_data_and_spaces
from search.ending.faults import FaultError, fault_of
from search.ending.guardian import guarded
from search.ending.signals import INTERRUPTED, Ending, ending_on_signals, leave
from search.ending.streams import be_lenient
from search.errors import SearchError, UsageError, bounded, near
from search.prepare.option import absolute, at_least, below_one, check_folder
from search.store.files import check_writable
from search.store.remote import is_store
from search.store.run_store import RunStore, check_name, check_refitted
from spaces.errors import SpaceError
from trainables.errors import TrainablesError

if TYPE_CHECKING:
    from rich.console import Console

    from search.prepare.config import RunConfig
    from search.tuning.stage import SearchEnd

_OPTION = re.compile(r"(?<![\w-])--[a-z]")


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code."""
    with ending_on_signals() as ending:
        name = ""
        try:
            if not arguments:
                build_parser().print_help()
                return OK
            options = build_parser().parse_args(arguments)
            _check_text([*arguments, str(_working_folder())])
            name = options.command
            if name in OF_A_RUN:
                with reading_store(options):
                    return _COMMANDS[name](options)
            return _COMMANDS[name](options)
        except KeyboardInterrupt:
            ending.tell()
            return INTERRUPTED
        except Exception as error:
            code = _code_of(error, ending, name)
            if code is None:
                raise
            return code


def _code_of(error: Exception, ending: Ending, command: str) -> int | None:
    """Says on one line what went wrong and returns the exit code; None for what is a defect."""
    if ending.is_asked:  # what a terminal raises that has hung up
        ending.tell()
        return INTERRUPTED
    known = isinstance(error, SearchError | SpaceError | TrainablesError)
    is_no_path = isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG
    if is_no_path or (known and not isinstance(error, FaultError)):
        return _refuse(f"{error}{_help_with(error, command)}")
    fault = fault_of(error)
    if fault is None:
        return None
    _refuse(f"{fault}. {ending.advice}")
    return INTERRUPTED if ending.is_resumable else BAD_INPUT


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError(
            "the folder that headrace was started in no longer exists; change to one that does"
        ) from error


def _check_text(texts: Sequence[str]) -> None:
    """Raises UsageError where a name could not be written to the files of a run."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"names of files and folders must be UTF-8, got {text!a}; rename it"
            ) from error


def _help_with(error: Exception, command: str) -> str:
    """Returns where the options are listed, behind an error about one of them."""
    about_an_option = isinstance(error, UsageError) and _OPTION.search(str(error))
    if not (command and about_an_option) or "--help" in str(error):
        return ""
    return f"; see headrace {command} --help"


def _refuse(error: str) -> int:
    # Some libraries spread their message over lines; the user gets one.
    text = " ".join(line.strip() for line in bounded(error).splitlines())
    print(f"headrace: {text}", file=sys.stderr)
    return BAD_INPUT


def entry(arguments: Sequence[str] | None = None) -> None:
    """Runs the installed command `headrace` to the end of the process.

    Args:
        arguments: None are those of the process.
    """
    be_lenient()
    given = sys.argv[1:] if arguments is None else arguments
    run = partial(main, given)
    # What works for hours, in other people's native code.
    leave(guarded(run) if given[:1] == ["run"] else run())


def _run(options: argparse.Namespace) -> int:
    _, end = start_run(options)
    if end.interrupted:
        return INTERRUPTED
    return SOME_FAILED if end.num_failed else OK


def start_run(
    options: argparse.Namespace, console: "Console | None" = None
) -> "tuple[RunConfig, SearchEnd]":
    """Runs what the options of `headrace run` ask for; returns its config and how it ended.

    Args:
        options: as parsed.
        console: where to show plan and progress; None is the terminal.

    Raises:
        SearchError, TrainablesError, SpaceError: bad input; the message says which and the way
            out.
    """
    check_not_empty(options)
    from rich.console import Console

    from search.console import say

    shown = Console() if console is None else console
    if not is_store(options.results):
        return _start_here(options, shown)
    if not options.resume:
        new = new_config(options)
        check_data_and_spaces(new)  # before there is anything in the store
        options.name = new.name
    with driving(options, partial(say, shown)) as missing:
        config, end = _start_here(options, shown)
    return config, replace(end, interrupted=end.interrupted or bool(missing))


def _start_here(options: argparse.Namespace, console: "Console") -> "tuple[RunConfig, SearchEnd]":
    """As `start_run`, in a folder of this machine."""
    if options.resume:
        config = resumed_config(options)
    else:
        config = new_config(options)
        RunStore.check_new(options.results, config.name)
        check_data_and_spaces(config)
    cache = writable_cache(options.cache)
    check_writable("--results", options.results)
    if config.address:
        check_answers(config.address)
    ray_settings.apply(one_machine=not config.address)
    from search.console import StepBar, loading

    loading(console)
    dataset = None
    if options.resume and config.data:
        from search.cli.resumed_data import open_same

        store = RunStore.open(options.results, options.resume)
        dataset = open_same(store, config, cache, partial(StepBar, console))
    from search.cli.run import execute

    end = execute(
        config,
        options.results,
        cache,
        console,
        resume=bool(options.resume),
        forecast_only=options.plan,
        dataset=dataset,
    )
    return config, end


def _replay(options: argparse.Namespace) -> int:
    from search.store.best_file import BestFile

    BestFile.read(options.best)  # what is wrong with it is told before torch is loaded
    ray_settings.apply(one_machine=True)
    from search.console import StepBar, loading

    console = loading()
    from search.trial.replay import replay

    done = replay(
        options.best,
        writable_cache(options.cache),
        partial(StepBar, console),
        data=options.data,
        weights_dir=absolute(options.weights_dir),
        corrections=options.corrections,
    )
    same = "bit for bit the same" if done.same_bits else "not the same bits"
    print(f"recorded {done.recorded:.6f}, now {done.value:.6f}: {same}")
    return OK if done.value == done.recorded else SOME_FAILED


def _conclude(options: argparse.Namespace) -> int:
    for flag, value in (("--margin", options.margin), ("--accept-loss", options.accept_loss)):
        if value is not None:
            below_one(flag, value)
    store = RunStore.open(options.results, options.name)
    check_writable("--results", store.root)
    check_refitted(store.predictions)
    from rich.console import Console

    from search.verdict.stage import conclude_run

    margin, accept_loss = options.margin, options.accept_loss
    conclude_run(store, Console(), margin, accept_loss, no_photos=options.no_photos)
    return OK


def _report(options: argparse.Namespace) -> int:
    if options.template is None:
        return _conclude(options)
    given = {
        "--margin": options.margin is not None,
        "--accept-loss": options.accept_loss is not None,
        "--no-photos": options.no_photos,
    }
    if flags := [flag for flag, is_given in given.items() if is_given]:
        raise UsageError(
            f"--template takes the verdict as it is stored, and shows no photos; leave out "
            f"{', '.join(flags)}, or judge the run first, without --template"
        )
    store = RunStore.open(options.results, options.name)
    check_writable("--results", store.root)
    from search.report.handin.template import Template
    from search.verdict.handin import write_handin

    print("filling in the form from the run's files ...", file=sys.stderr)
    print(write_handin(store, Template(options.template)))
    return OK


def _ensemble(options: argparse.Namespace) -> int:
    for option, value in (("--max-members", options.max_members), ("--max-ms", options.max_ms)):
        if value is not None and not value > 0:  # NaN is above nothing
            raise UsageError(f"{option} must be above 0, got {value:g}")
    store = RunStore.open(options.results, options.name)
    check_refitted(store.predictions)
    from search.console import loading

    console = loading()
    from search.ensemble.stage import build_ensemble
    from search.verdict.stage import conclude_run

    with store.lock():
        build_ensemble(store, console, max_members=options.max_members, max_ms=options.max_ms)
        conclude_run(store, console)
    return OK


def _predict(options: argparse.Namespace) -> int:
    check_name(options.name)
    # An ensemble's folder is enough, without the run that it is from.
    ensemble = options.results / options.name / "ensemble"
    if not ensemble.is_dir():
        RunStore.open(options.results, options.name)
    check_folder("--images", options.images, "a folder of photos")
    from search.predict.spec import EnsembleSpec

    EnsembleSpec.read(ensemble).check_files(ensemble)  # told before torch is loaded
    from search.console import loading

    console = loading()
    from search.predict.command import predict_command

    predict_command(
        ensemble,
        options.images,
        options.out,
        console,
        probabilities=options.probabilities,
        device=options.device,
        label_shift=options.label_shift,
        labels=options.labels,
    )
    return OK


def _export(options: argparse.Namespace) -> int:
    store = RunStore.open(options.results, options.name)
    _check_best(store, options.space or ())
    from rich.console import Console

    from search.export.command import export_run

    cache = options.cache or default_cache()
    return export_run(store, options.to, Console(), spaces=options.space, cache=cache)


def _check_best(store: RunStore, spaces: Sequence[str]) -> None:
    """Raises UsageError for a space without a best config, before torch is loaded."""
    missing = [name for name in spaces if not store.best_path(name).is_file()]
    if missing:
        known = [n for n in store.read_study()["studies"] if store.best_path(n).is_file()]
        raise UsageError(
            f"--space: the run has no best config of {missing[0]!r}{near(missing[0], known)}; "
            f"spaces with one: {', '.join(known) or 'none'}"
        )


def _compare(options: argparse.Namespace) -> int:
    files = {}
    for given in options.predictions:
        name, equals, path = given.partition("=")
        if not (name and equals and path) or name in files:
            raise UsageError(
                f"predictions are given as NAME=CSV, every name once, got {given!r}; see headrace "
                "compare --help"
            )
        files[name] = Path(path)
    below_one("--margin", options.margin)
    at_least(0)("--seed", options.seed)
    check_writable("--out", options.out)
    from rich.console import Console

    from search.analysis.errors import AnalysisError
    from search.analysis.verdict.rules import Rules
    from search.verdict.compare import compare
    from search.verdict.console import print_verdict

    rules = Rules(seed=options.seed, margin=options.margin)
    try:
        findings = compare(options.truth, files, options.out, rules)
    except AnalysisError as error:
        raise UsageError(str(error)) from error
    print_verdict(Console(), findings, options.out)
    return OK


_COMMANDS = {
    "run": _run,
    "audit": run_audit_of,
    "screen": run_screen,
    "quick": run_quick,
    "replay": _replay,
    "verdict": _conclude,
    "report": _report,
    "ensemble": _ensemble,
    "predict": _predict,
    "export": _export,
    "compare": _compare,
}
