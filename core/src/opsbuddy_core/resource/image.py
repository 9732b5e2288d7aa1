from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from opsbuddy_core.resource.types import LIST_TYPE, ObjectName, ResourceModel, rule, rules


class Image(ResourceModel):
    """Which container image runs."""

    model_config = rules(
        rule(
            "has(self.tag) != has(self.digest)",
            "image needs exactly one of tag and digest; set one and remove the other",
        )
    )

    repository: Annotated[
        str,
        Field(
            min_length=1,
            max_length=255,
            pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$",
            description="Repository of the image without tag, for example registry.example.com/team/opsbuddy-file-service.",
        ),
    ]
    tag: Annotated[
        str | None,
        Field(
            max_length=128,
            pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$",
            description="Tag of the image. Prefer one that never moves; give digest instead to pin the content.",
        ),
    ] = None
    digest: Annotated[
        str | None,
        Field(
            max_length=71,
            pattern=r"^sha256:[a-f0-9]{64}$",
            description="Digest of the image, sha256: and 64 hex digits.",
        ),
    ] = None
    pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"], Field(description="When the node pulls the image.")
    ] = "IfNotPresent"
    pull_secrets: Annotated[
        list[ObjectName] | None,
        Field(
            max_length=8,
            json_schema_extra={LIST_TYPE: "set"},
            description="Names of Secrets in the same namespace that hold the registry's credentials.",
        ),
    ] = None

    @model_validator(mode="after")
    def _of_one_content(self) -> Self:
        """The rule above again: one made before it would run an image named None."""
        if not (self.tag or self.digest):
            raise ValueError("image needs exactly one of tag and digest; set one")
        return self

    @property
    def reference(self) -> str:
        """The image as a container names it."""
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"
