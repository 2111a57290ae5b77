FROM python:3.13-slim

RUN useradd --system --uid 65532 --create-home --home-dir /data aggregator
WORKDIR /opt/aggregator
COPY requirements/run.lock requirements/run.lock
RUN pip install --no-cache-dir --require-hashes -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY aggregator aggregator
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

USER aggregator
WORKDIR /data
VOLUME /data
EXPOSE 8000
ENV AGGREGATOR_CONFIG=/etc/aggregator/config.toml
ENTRYPOINT ["aggregator"]
CMD ["run"]
