from hypothesis import given
from hypothesis import strategies as st

from opsbuddy_operator.cluster.store import Store, slim
from opsbuddy_operator.models import ref


def obj(version: int, uid: str = "u", kind: str = "ConfigMap", **metadata):
    labels = {"opsbuddy.dev/service": "web"}
    named = {"name": "web", "namespace": "t", "uid": uid, "resourceVersion": str(version), "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "metadata": named | metadata}


@given(st.permutations(range(1, 8)))
def test_the_newest_state_stays_in_whatever_order_they_come(versions):
    store = Store()
    for version in versions:
        store.put(obj(version))
    assert store.get(ref(obj(0)))["metadata"]["resourceVersion"] == "7"


@given(st.permutations(range(1, 8)))
def test_a_deletion_is_not_undone_by_what_was_before_it(versions):
    store = Store()
    for version in versions:
        store.remove(obj(7)) if version == 7 else store.put(obj(version))
    assert store.get(ref(obj(0))) is None
    assert not store.labelled("t", "web")


def test_a_late_deletion_does_not_take_the_next_object_of_that_name():
    store = Store()
    store.put(obj(1, "old"))
    store.put(obj(5, "new"))
    assert not store.remove(obj(3, "old"))
    assert store.get(ref(obj(0)))["metadata"]["uid"] == "new"


def test_what_is_known_already_is_no_news():
    store = Store()
    assert store.put(obj(5))
    assert not store.put(obj(5))
    assert not store.put(obj(4))


def test_an_object_follows_its_label():
    store = Store()
    store.put(obj(1))
    assert store.labelled("t", "web")
    store.put(obj(2, labels={"opsbuddy.dev/service": "other"}))
    assert not store.labelled("t", "web")
    assert store.labelled("t", "other")
    store.remove(obj(3))
    assert not store.labelled("t", "other")
    assert len(store) == 0


def test_what_a_watch_lost_sight_of_is_taken_back_as_it_is_but_not_as_it_was():
    store = Store()
    store.put(obj(1))
    store.remove(obj(4))  # the label by which the watch selects went in version 4
    assert not store.put(obj(3))
    assert store.put(obj(4))


def test_what_was_found_to_be_gone_does_not_come_back_by_an_event_that_is_late():
    store = Store()
    store.put(obj(3))
    store.remove(store.get(ref(obj(0))))
    assert not store.put(obj(3))


def test_an_object_stays_with_its_owner_whatever_its_labels_say():
    store = Store()
    owner = {"kind": "OpsBuddyService", "name": "web", "controller": True}
    store.put(obj(1, ownerReferences=[owner], labels={"opsbuddy.dev/service": "other"}))
    assert store.labelled("t", "web")
    assert not store.labelled("t", "other")


def test_resources_are_found_by_namespace():
    store = Store()
    web = {**obj(1, kind="OpsBuddyService"), "apiVersion": "opsbuddy.dev/v1alpha1"}
    store.put(web)
    assert [service["metadata"]["name"] for service in store.services("t")] == ["web"]
    assert store.namespaces() == ["t"]
    store.remove(web)
    assert store.namespaces() == []


def test_of_a_pod_only_what_decisions_need_is_kept():
    pod = obj(1, kind="Pod", managedFields=[{"manager": "kubelet"}], annotations={"a": "b"}) | {
        "spec": {"containers": [{"name": "c", "env": [{"name": "PASSWORD", "value": "x"}]}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "hostIP": "10.0.0.9"},
    }
    kept = slim(pod)
    assert set(kept) == {"apiVersion", "kind", "metadata", "status"}
    assert set(kept["metadata"]) == {"name", "namespace", "uid", "labels", "resourceVersion"}
    assert kept["status"] == {"phase": "Running", "podIP": "10.0.0.1"}


def test_owners_of_fields_are_kept_only_where_they_matter():
    fields = [{"manager": "kubectl"}]
    assert "managedFields" in slim(obj(1, kind="Deployment", managedFields=fields))["metadata"]
    assert "managedFields" not in slim(obj(1, managedFields=fields))["metadata"]
