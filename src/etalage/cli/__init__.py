"""The command line: one module per command, loaded when it is called.

Data goes to stdout, everything else to stderr. Exit status: 0 whole success, 1 an error the user
can mend (one line and a hint), 2 wrong usage; a bug shows its traceback.
"""

import logging
import sys

from cyclopts import App

from etalage.errors import EtalageError

COMMANDS = {
    "demo": "Generate a small catalogue and take it all the way to a score.",
    "synth": "Generate a catalogue with the statistics of a real one.",
    "index": "Scan BSON files and write where every product and image lies.",
    "update": "Index what is new in a catalogue that grows, and answer it.",
    "filter": "Write an index of the products that a rule keeps.",
    "sample": "Write an index of products drawn by lot.",
    "merge": "Write one index of several.",
    "import": "Make an index of images in folders, tables or WebDataset tars.",
    "export": "Write products with images, labels and texts in the form of other tools.",
    "show": "Tell what an artefact holds.",
    "duplicates": "Find repeated images, label conflicts, and what leaks from train to test.",
    "report": "Write one page about a catalogue, a training or a score: tables, figures.",
    "split": "Choose which products train, validate and test.",
    "train": "Train a product classifier.",
    "embed": "Write a vector for every distinct image.",
    "folds": "Answer every training product by a head that has not seen it.",
    "predict": "Write the most probable categories of every product.",
    "classify": "Answer for image files, now.",
    "onnx": "Write a model as one ONNX file with its description.",
    "blend": "Make the predictions of several models one; fit how where the truth is known.",
    "distill": "Write what a blend answers of the training products, to train on.",
    "memory": "Fit how far to believe what a labelled catalogue remembers.",
    "remember": "Fuse predictions with what a labelled catalogue remembers of their images.",
    "calibrate": "Make probabilities honest: fit a calibration on products with truth.",
    "apply": "Write predictions with calibrated probabilities.",
    "sets": "Write for each product the few categories among which the right one is.",
    "thresholds": "Choose from which confidence on an answer may be used unseen.",
    "accept": "Write which answers may be used unseen, and on which level.",
    "plan": "Tell what a precision costs: automatic share, reviews, hours, errors left.",
    "submit": "Write the submission file of predictions.",
    "score": "Compare predictions or a submission with the truth.",
    "judge": "Hold a competition: hidden truth, submissions, a leaderboard.",
}
# A word of Python cannot be the name of a module.
_MODULES = {"import": "import_catalogue"}

app = App(
    name="etalage",
    help="Classify the products of a catalogue from their pictures.",
    help_format="plaintext",
)
for _name, _help in COMMANDS.items():
    _module = _MODULES.get(_name, _name)
    app.command(f"etalage.cli.{_module}:{_module}", name=_name, help=_help)


def main(arguments: list[str] | None = None) -> None:
    """Run a command line, by default that of the process, and exit."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", force=True)
    logging.getLogger("etalage").setLevel(logging.INFO)
    try:
        app(sys.argv[1:] if arguments is None else arguments)
    except EtalageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) has left: nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
