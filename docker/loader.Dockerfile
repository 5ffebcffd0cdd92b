# The loader for one Python: an official image or one made from Debian's packages, the locked wheels, bigdata/.
# Built by `nox -s images` without a network, from a context that holds just what is copied here.
ARG BASE

FROM ${BASE} AS standard-library
LABEL bigdata-matrix.image=stage
ARG PYTHON
# Official images come without compiled modules, so that every start in a read-only container would compile them again.
# Where they are compiled, this changes nothing.
RUN folder="$(python${PYTHON} -c 'import os; print(os.path.dirname(os.__file__))')" \
 && python${PYTHON} -m compileall -q -x '/(ensurepip|idlelib|lib2to3|pydoc_data|site-packages|test|tkinter|turtledemo)/' "$folder"

# What an environment comes with is removed, unless some package needs it.
FROM standard-library AS packages
ARG PYTHON
COPY wheelhouse /build/wheelhouse
COPY requirements.txt /build/
RUN python${PYTHON} -m venv /opt/loader \
 && /opt/loader/bin/python -m pip --disable-pip-version-check install --no-cache-dir \
    --no-index --find-links /build/wheelhouse --require-hashes --requirement /build/requirements.txt \
 && /opt/loader/bin/python -m pip --disable-pip-version-check check \
 && { grep -q '^setuptools==' /build/requirements.txt || /opt/loader/bin/python -m pip uninstall --yes --quiet setuptools; } \
 && /opt/loader/bin/python -m pip uninstall --yes --quiet pip

# PostgreSQL's own clients, in the folder that their library was built for. What that needs besides the base's libraries
# comes with psycopg2, whose names for it have a hash in them. Where they do not start, ceilings say so; nothing else does.
FROM packages AS programs
ARG PYTHON
COPY postgresql /opt/postgresql
RUN chmod 755 /opt/postgresql/bin/* && cd /opt/postgresql/lib \
 && for library in /opt/loader/lib/python${PYTHON}/site-packages/psycopg2_binary.libs/*; do ln -s "$library" .; done \
 && for library in libgssapi_krb5-*; do ln -s "$library" libgssapi_krb5.so.2; done

FROM packages AS project
COPY bigdata /opt/project/bigdata
# The sources never change in an image: no start looks whether they did.
RUN /opt/loader/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/project/bigdata

FROM standard-library
COPY --from=packages /opt/loader /opt/loader
COPY --from=programs /opt/postgresql /opt/postgresql
COPY --from=project /opt/project /opt/project
ENV PYTHONPATH=/opt/project BIGDATA_PG_BIN=/opt/postgresql/bin
# An account without a name, which owns nothing.
USER 65532:65532
ENTRYPOINT ["/opt/loader/bin/python", "-m", "bigdata.cmd"]
