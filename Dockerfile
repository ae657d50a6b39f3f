# Two stages: the toolchain stays behind.
FROM rust:1.95-trixie AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY config config
COPY src src
# Cargo wants the files of every target that Cargo.toml names, also of those it does not build.
RUN mkdir -p tests/it && touch tests/it/main.rs && cargo build --release --locked --bin zipstream

FROM debian:trixie-slim
# Sources are reached by HTTPS: these are the authorities that are trusted.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=build /source/target/release/zipstream /usr/local/bin/zipstream
# Nothing is stored, so nobody in particular is enough.
USER 65534:65534
ENV ZIPSTREAM__SERVER__LISTEN=0.0.0.0:8080 ZIPSTREAM__LOG__FORMAT=json
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=2s CMD ["zipstream", "healthcheck"]
# SIGTERM drains: give it longer than server.drain_timeout (docker stop --time 40).
ENTRYPOINT ["zipstream"]
