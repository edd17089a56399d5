"""`etl-platform iam`: the least-privilege policy of each role."""

from pathlib import Path

import click

from etl_platform.cli.options import config_option, failing_as_sentence, messages, print_json
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.platforms.iam import policies, unknown_locations
from etl_platform.platforms.permissions import without_platform


@click.command()
@click.option("--account", default="*", show_default=True, help="Account id for the resources.")
@click.option("--role", "role", help="Print only the policy of this role, as a document for IAM.")
@config_option
@failing_as_sentence(ConfigError)
def iam(account: str, role: str | None, config_path: Path) -> None:
    """Print the least-privilege policy that this configuration needs, for each role, as JSON."""
    config = load(config_path)
    needed = policies(config, account)
    if role is not None and role not in needed:
        raise click.BadParameter(f'no role "{role}"; there are: {", ".join(needed)}.', param_hint="--role")
    print_json(needed if role is None else needed[role])
    sentences = []
    if tables := unknown_locations(config):
        sentences.append(
            f"Where the files of {', '.join(tables)} stand is known to the Data Catalog alone: who reads "
            "them also needs s3:GetObject there, who writes them s3:PutObject and s3:DeleteObject, and both "
            "s3:ListBucket on the bucket."
        )
    if undecided := without_platform(config.jobs):
        sentences.append(
            f"{', '.join(undecided)}: no platform is named, so what runs need there is not in this; name "
            "some in platform.allowed_platforms."
        )
    for sentence in sentences:
        messages.print(sentence, style="yellow", markup=False, highlight=False)
