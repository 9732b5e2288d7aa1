# One image for each deployable. PACKAGE is its folder: operator, services/gateway, services/file-service, ...
#
#   docker build --build-arg PACKAGE=services/gateway -t opsbuddy-gateway:0.1.0 .
#
# Every image shares the layer of core's dependencies; the next one holds the package's own, the last and smallest the source. Third-party packages are
# those of requirements.lock, their hashes verified, and only those that the package asks for. Nothing here needs BuildKit.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS base
ARG UV_VERSION=0.13.9
ENV PATH=/opt/tools/bin:${PATH} VIRTUAL_ENV=/opt/opsbuddy UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# prints what the named folders' pyproject.toml files depend on outside this repository, among it what an extra of core brings
ENV THIRD_PARTY='import sys, tomllib; p = {f: tomllib.load(open(f + "/pyproject.toml", "rb"))["project"] for f in ["core", *sys.argv[1:]]}; x = {f"opsbuddy-core[{n}]": d for n, d in p["core"]["optional-dependencies"].items()}; [print(t) for f in sys.argv[1:] for d in p[f]["dependencies"] for t in x.get(d, [d]) if not t.startswith("opsbuddy-")]'
WORKDIR /build
RUN python3 -m venv /opt/tools && pip install --quiet "uv==${UV_VERSION}" && uv venv --quiet /opt/opsbuddy
COPY requirements.lock ./
RUN uv pip install --quiet --python /opt/tools/bin/python --constraint requirements.lock uv_build
COPY core/pyproject.toml core/
RUN python3 -c "$THIRD_PARTY" core >wanted && uv pip install --quiet --constraint requirements.lock --requirement wanted \
 && /opt/opsbuddy/bin/python -m compileall -q /opt/opsbuddy/lib && cd /opt/opsbuddy && find . ! -type d | sort >/opt/shared

FROM base AS package
ARG PACKAGE
COPY ${PACKAGE}/pyproject.toml ${PACKAGE}/
RUN python3 -c "$THIRD_PARTY" core "${PACKAGE}" >wanted && uv pip install --quiet --constraint requirements.lock --requirement wanted \
 && sed -n 's/^\([^ ]*==[^ ]*\) .*/\1/p' requirements.lock >locked && ! uv pip freeze | grep -vxF -f locked \
 && /opt/opsbuddy/bin/python -m compileall -q /opt/opsbuddy/lib \
 && mkdir /opt/own && cd /opt/opsbuddy && find . ! -type d | sort | comm -13 /opt/shared - | tar -c -T - | tar -x -C /opt/own
RUN python3 -c 'import sys, tomllib; print(*tomllib.load(open(sys.argv[1], "rb")).get("tool", {}).get("opsbuddy", {}).get("system-packages", []))' "${PACKAGE}/pyproject.toml" >/opt/system-packages
COPY core/ core/
COPY ${PACKAGE}/ ${PACKAGE}/
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels ./core "./${PACKAGE}" \
 && uv pip install --quiet --no-deps --prefix /opt/source --python /opt/opsbuddy/bin/python /wheels/*.whl \
 && /opt/opsbuddy/bin/python -m compileall -q -s /opt/source -p /opt/opsbuddy /opt/source/lib \
 && test -x "/opt/source/bin/opsbuddy-${PACKAGE##*/}" && ln -s "opsbuddy-${PACKAGE##*/}" /opt/source/bin/serve

FROM ${BASE} AS runtime
RUN groupadd --gid 1000 opsbuddy && useradd --uid 1000 --gid 1000 --home-dir /data --no-create-home opsbuddy && install -d -o 1000 -g 1000 /data
ENV PATH=/opt/opsbuddy/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONFAULTHANDLER=1
COPY --from=base /opt/opsbuddy /opt/opsbuddy
# the distribution's programs that a package runs; most run none
COPY --from=package /opt/system-packages /opt/
RUN if grep -q . /opt/system-packages; then apt-get update -q && xargs apt-get install -y -q --no-install-recommends </opt/system-packages \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/info/*; fi
COPY --from=package /opt/own /opt/opsbuddy
COPY --from=package /opt/source /opt/opsbuddy
WORKDIR /data
USER 1000:1000
# the package's console script, opsbuddy-<name>
CMD ["serve"]
