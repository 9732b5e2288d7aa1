from pydantic import ValidationError

from opsbuddy_core import documents
from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_operator.models import Object


class InvalidSpecError(ValueError):
    """The spec passed the API server, but not the models: made for another version of the CRD, or before a rule existed."""


def spec_of(resource: Object) -> OpsBuddyServiceSpec:
    """Return the spec; raises InvalidSpecError that names the fields at fault."""
    spec = resource.get("spec", {})
    try:
        documents.check(spec, documents.DEEPEST)
        return OpsBuddyServiceSpec.model_validate(spec)
    except documents.TooDeepError as error:
        raise InvalidSpecError(f"spec: {error}") from error
    except ValidationError as error:
        faults = (f"spec.{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise InvalidSpecError("; ".join(faults)) from error
