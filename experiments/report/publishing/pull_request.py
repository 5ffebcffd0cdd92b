"""Text of the pull request that contributes a campaign."""

from __future__ import annotations

from experiments.analysis.disturbed_runs import count_disturbed
from experiments.analysis.summary import CampaignSummary
from experiments.report.front_page import describe_headline, describe_machine, describe_noise, describe_pythons
from experiments.report.pages import make_inert
from experiments.report.publishing.admission import MAX_DISTURBED_RUNS


def write_pull_request(whole: CampaignSummary) -> str:
    """Write title and body in Markdown; the first line is the title."""
    facts = {
        "Campaign": f"`{whole.campaign.name}`",
        "Machine": describe_machine(whole),
        "Python": describe_pythons(whole),
        "Noise floor": describe_noise(whole),
        "Disturbed runs": f"{count_disturbed(whole)}; at most {MAX_DISTURBED_RUNS:.0%} may be",
        "Headline": describe_headline(whole),
    }
    lines = [
        f"Results: {describe_machine(whole)}, Python {describe_pythons(whole)}",
        "",
        *(f"- {name}: {text}" for name, text in facts.items()),
        "",
        "`nox -s publish` found a record of every planned run, and no home folder, address, host or user name.",
        "",
        "- [ ] I publish these records under CC BY 4.0, as `results/LICENSE` says.",
    ]
    return make_inert("\n".join(lines)) + "\n"
