"""Arguments that refer to secrets, on platforms that read them in the job itself."""

import json
from pathlib import Path

from etl_platform.config.secrets import SECRET, aws_reference
from etl_platform.platforms.arguments import script_arguments
from etl_platform.platforms.artifacts import upload_file
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.protocol import RunRequest
from etl_platform.runtime import secret_entry


def secret_keys(request: RunRequest) -> tuple[str, ...]:
    """The keys of the secrets that the script's arguments refer to, in order."""
    texts = script_arguments(request).values()
    return tuple(dict.fromkeys(key for text in texts for key in SECRET.findall(text)))


def with_secrets(access: AwsAccess | None, request: RunRequest, script: str) -> tuple[str, dict[str, str]]:
    """What to run, and its arguments, without a secret in them.

    Where arguments refer to secrets, a small script of ours runs first: it reads them by the role of the job,
    and runs the script with the values. So neither the console nor a log shows them.

    Args:
        access: Where our script is uploaded to; None: only its address is told.
        request: What is run.
        script: s3:// address of the job's script.

    Returns:
        s3:// address of the script to start, and the arguments, which it sees as `--name value`.

    Raises:
        NotRunnableError: The secrets are where a remote job cannot read them.
    """
    arguments = script_arguments(request)
    keys = secret_keys(request)
    if not keys:
        return script, arguments
    require_secrets_manager(request, keys)
    entry = upload_file(access, request.config, Path(secret_entry.__file__))
    references = {key: tuple(aws_reference(key, request.config)) for key in keys}
    own = {
        secret_entry.SCRIPT_ARGUMENT.removeprefix("--"): script,
        secret_entry.SECRETS_ARGUMENT.removeprefix("--"): json.dumps(references),
    }
    return entry, {**own, **arguments}


def require_secrets_manager(request: RunRequest, keys: tuple[str, ...]) -> None:
    """Refuse secrets that only this machine can read.

    Raises:
        NotRunnableError: The provider is not AWS Secrets Manager.
    """
    provider = request.config.settings.secrets.provider
    if keys and provider != "aws_secrets_manager":
        raise NotRunnableError(
            f'job "{request.job.job_id}": its arguments refer to the secret `{keys[0]}`, which provider '
            f"`{provider}` keeps on this machine; a job on AWS cannot read it. Keep it in AWS Secrets "
            "Manager and set global_settings.secrets.provider to aws_secrets_manager."
        )
