from pathlib import Path

from opsbuddy_core.routes import CONFIG_MAP, KEY
from opsbuddy_gateway.storage.kubernetes_watch import Object, api_class, connected, watch
from opsbuddy_gateway.storage.routes import Offer
from opsbuddy_gateway.storage.routes_file import FileTable


class KubernetesTable:
    """Watches the ConfigMap through the API: a mounted one comes up to two minutes late. The mount is read only while the API never answered."""

    def __init__(self, namespace: str, kubeconfig: Path | None, fallback: FileTable) -> None:
        self._namespace, self._kubeconfig, self._fallback = namespace, kubeconfig, fallback

    async def run(self, offer: Offer) -> None:
        core = await api_class("CoreV1Api")
        async with connected(self._kubeconfig) as api:
            await watch(
                core(api).list_namespaced_config_map_without_preload_content,
                _Offering(offer, self._fallback),
                namespace=self._namespace,
                field_selector=f"metadata.name={CONFIG_MAP}",
            )


class _Offering:
    def __init__(self, offer: Offer, fallback: FileTable) -> None:
        self._offer, self._fallback = offer, fallback
        self._heard = False

    def listed(self, objects: list[Object]) -> None:
        self._heard = True
        if objects:
            self.changed(objects[0])
        else:
            self._offer(None, "kubernetes")

    def changed(self, item: Object) -> None:
        self._offer((item.get("data") or {}).get(KEY), "kubernetes")

    def deleted(self, _: Object) -> None:
        self._offer(None, "kubernetes")

    def unreachable(self) -> None:
        if not self._heard and (text := self._fallback.read()) is not None:
            self._offer(text, "file")
