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

FROM packages AS project
COPY bigdata /opt/project/bigdata
# The sources never change in an image: no start looks whether they did.
RUN /opt/loader/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/project/bigdata

FROM standard-library
COPY --from=packages /opt/loader /opt/loader
COPY --from=project /opt/project /opt/project
ENV PYTHONPATH=/opt/project
# An account without a name, which owns nothing.
USER 65532:65532
ENTRYPOINT ["/opt/loader/bin/python", "-m", "bigdata.cmd"]
