# What many repositories have: libraries made ready in a stage, pages in another, a user, the program last.
ARG BASE
FROM ${BASE} AS libraries
WORKDIR /src
COPY lib lib
RUN python3 -m compileall -q --invalidation-mode unchecked-hash lib

FROM ${BASE} AS pages
WORKDIR /src
COPY docs docs
RUN mkdir /out && for page in docs/*.md; do python3 -S -c 'import sys, html; print(html.escape(sys.stdin.read()))' < "$page" > "/out/$(basename "$page" .md).html"; done

FROM ${BASE}
RUN useradd --create-home --uid 1000 worker
WORKDIR /srv/app
COPY data data
COPY --from=libraries --chown=1000:1000 /src/lib lib
COPY --from=pages /out pages
COPY --chown=1000:1000 app.py .
USER 1000
ENV PYTHONPATH=/srv/app/lib
CMD ["python3", "app.py"]
