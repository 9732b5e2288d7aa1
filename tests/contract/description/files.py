"""Files, through the gateway and on the service's own port."""

import uuid

from tests.contract.description.installation import Installation, unique


async def a_file_with_tags_comes_back_as_it_was_sent(at: Installation) -> None:
    content = uuid.uuid4().bytes * 1000
    sent = await at.gateway.post(
        "/api/files/upload",
        files={"file": ("example.txt", content)},
        data={"tags": '{"category":"logs"}', "metadata": '{"host":"web-1"}'},
    )
    assert sent.status_code == 201, sent.text
    record = sent.json()
    assert (record["filename"], record["size"], record["tags"], record["metadata"]) == (
        "example.txt",
        len(content),
        {"category": "logs"},
        {"host": "web-1"},
    )
    address = f"/api/files/{record['id']}"
    got = await at.gateway.get(f"{address}/download")
    assert got.content == content
    assert "example.txt" in got.headers["content-disposition"]
    assert (await at.gateway.delete(address)).status_code == 204
    assert (await at.gateway.get(address)).status_code == 404


async def the_service_lists_and_takes_files_on_its_own_port(at: Installation) -> None:
    service = at.on_port["file-service"]
    run = unique("run")
    sent = await service.post(
        "/files/upload", files={"file": ("example.txt", b"x")}, data={"tags": f'{{"category":"{run}"}}'}
    )
    assert sent.status_code == 201, sent.text
    listed = (await service.get("/files")).json()["files"]
    assert sent.json()["id"] in {record["id"] for record in listed}
    assert (await service.delete(f"/files/{sent.json()['id']}")).status_code == 204


async def files_are_found_by_their_tags(at: Installation) -> None:
    run = unique("run")
    for name in ("a.txt", "b.txt"):
        data = {"tags": f'{{"run":"{run}","name":"{name}"}}'}
        sent = await at.gateway.post("/api/files/upload", files={"file": (name, b"x")}, data=data)
        assert sent.status_code == 201, sent.text
    found = (await at.gateway.get("/api/files", params={"tag": f"run={run}"})).json()["files"]
    assert {record["filename"] for record in found} == {"a.txt", "b.txt"}
    both = {"tag": [f"run={run}", "name=b.txt"]}
    (one,) = (await at.gateway.get("/api/files", params=both)).json()["files"]
    assert one["filename"] == "b.txt"


async def tags_and_metadata_of_a_file_are_changed(at: Installation) -> None:
    sent = await at.gateway.post("/api/files/upload", files={"file": ("a.txt", b"x")}, data={"tags": '{"a":"1"}'})
    address = f"/api/files/{sent.json()['id']}"
    changed = await at.gateway.patch(address, json={"tags": {"b": "2"}})
    assert changed.status_code == 200, changed.text
    assert (await at.gateway.get(address)).json()["tags"]["b"] == "2"


async def a_form_that_cannot_be_used_is_refused_by_its_field(at: Installation) -> None:
    answer = await at.gateway.post("/api/files/upload", files={"file": ("a.txt", b"x")}, data={"tags": '{"category":'})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["tags"]
