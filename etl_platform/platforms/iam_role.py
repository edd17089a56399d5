"""Roles as services take them."""

from etl_platform.platforms.aws_access import AwsAccess, calling


def role_arn(access: AwsAccess, role: str) -> str:
    """The ARN of a role: Glue takes a name too, Lambda and Batch do not.

    Args:
        access: Where IAM is.
        role: Name or ARN.
    """
    if role.startswith("arn:"):
        return role
    client = access.client("iam")
    with calling("iam"):
        return client.get_role(RoleName=role.rpartition("/")[2])["Role"]["Arn"]
