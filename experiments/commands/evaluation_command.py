"""What evaluate.py does. The arguments are checked before torch is imported, which takes seconds."""

import tyro

from experiments.command_line import parse, report
from experiments.commands.evaluation_arguments import evaluation
from experiments.figures.figure_arguments import EXAMPLES, ClaimsArguments, FigureArguments
from experiments.leaderboard.arguments import LeaderboardArguments, SubmitArguments


def main(argv: list[str]) -> None:
    """Run the command line."""
    flags = {word.split("=")[0] for word in argv}
    if "--figure" in flags:
        figures = parse(FigureArguments, argv, tyro.MISSING_NONPROP, examples=EXAMPLES)
        from experiments.figures.figure_command import make_figures

        report(figures.reporting, lambda: make_figures(figures))
    elif "--claims" in flags:
        claims = parse(ClaimsArguments, argv, ClaimsArguments())
        from experiments.figures.figure_command import compare_claims

        report(claims.reporting, lambda: compare_claims(claims))
    elif "--submit" in flags:
        submission = parse(SubmitArguments, argv, tyro.MISSING_NONPROP)
        from experiments.leaderboard.command import make_submission

        report(submission.reporting, lambda: make_submission(submission))
    elif "--leaderboard" in flags:
        leaderboard = parse(LeaderboardArguments, argv, LeaderboardArguments())
        from experiments.leaderboard.command import make_leaderboard

        report(leaderboard.reporting, lambda: make_leaderboard(leaderboard))
    else:
        asked = evaluation(argv)
        from experiments.commands.evaluation import evaluate

        report(asked.arguments.reporting, lambda: evaluate(asked))
