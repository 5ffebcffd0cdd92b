# A loader's image with what counts its instructions and system calls. Nothing is timed in it: the loader's image itself
# has none of this. Built by `nox -s count` without a network.
ARG BASE
ARG TOOLS

FROM ${TOOLS} AS tools
LABEL bigdata-matrix.image=stage
# What strace needs besides the C library, which the base has in the same version.
RUN mkdir /libraries \
 && cp $(ldd /usr/bin/strace | grep -o '/[^ ]*' | grep -v -e '/libc\.so' -e '/ld-linux') /libraries/

FROM ${BASE}
USER 0:0
COPY --from=tools /libraries /usr/local/lib
COPY --from=tools /usr/bin/valgrind /usr/bin/valgrind.bin /usr/bin/strace /usr/bin/
COPY --from=tools /usr/libexec/valgrind /usr/libexec/valgrind
RUN ldconfig
USER 65532:65532
