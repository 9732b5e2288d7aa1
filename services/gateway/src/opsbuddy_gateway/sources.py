"""Where routes and endpoints come from, as the settings say."""

from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_gateway.storage.endpoints import EndpointSource
from opsbuddy_gateway.storage.endpoints_dns import DnsEndpoints
from opsbuddy_gateway.storage.endpoints_static import StaticEndpoints
from opsbuddy_gateway.storage.routes import TableSource
from opsbuddy_gateway.storage.routes_file import FileTable


def endpoint_source(settings: GatewaySettings) -> EndpointSource:
    """Return the source that the settings name."""
    match settings.effective_endpoints_from:
        case "static":
            return StaticEndpoints(settings.endpoints)
        case "dns":
            return DnsEndpoints(settings.dns_refresh_seconds)
        case "kubernetes":
            from opsbuddy_gateway.storage.endpoints_kubernetes import KubernetesEndpoints  # noqa: PLC0415 - 46 MB that only a cluster needs

            return KubernetesEndpoints(settings.namespace, settings.kubeconfig)


def table_source(settings: GatewaySettings) -> TableSource:
    """Return the source that the settings name; the file stands behind the API of Kubernetes."""
    file = FileTable(settings.effective_routes_file, settings.routes_poll_seconds)
    if settings.effective_routes_from == "file":
        return file
    from opsbuddy_gateway.storage.routes_kubernetes import KubernetesTable  # noqa: PLC0415 - likewise

    return KubernetesTable(settings.namespace, settings.kubeconfig, fallback=file)
