# The product's image: one for operator, agent and command line. Build: docker build -t weft .
FROM node:26-bookworm AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json ./
RUN npm install --no-save --ignore-scripts
COPY . .
RUN node scripts/generate-wire.ts && node scripts/build.ts

FROM node:26-bookworm-slim
# libnftables is called in process; BIRD runs beside the agent on clusters with a BGPConfiguration.
RUN apt-get update && apt-get install -y --no-install-recommends libnftables1 bird2 libjemalloc2 && rm -rf /var/lib/apt/lists/* \
 && ln -s /usr/local/bin/node /usr/bin/node
COPY --from=build /src/dist /app/dist
COPY --from=build /src/node_modules/koffi /app/node_modules/koffi
COPY --from=build /src/node_modules/@koromix /app/node_modules/@koromix
# glibc keeps what was freed between what is held: docs/adr/0018-jemalloc.md.
ENV LD_PRELOAD=libjemalloc.so.2 MALLOC_CONF=background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:1000
# The operator's user; the agent's DaemonSet asks for root, which the node's network needs.
USER 65532:65532
ENTRYPOINT ["/usr/bin/node"]
CMD ["/app/dist/weft.js", "--help"]
