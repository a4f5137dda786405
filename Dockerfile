# syntax=docker/dockerfile:1
FROM oven/bun:1.4.5-slim AS dependencies
WORKDIR /app
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile --production

FROM oven/bun:1.4.5-slim
WORKDIR /app
ENV NODE_ENV=production TZ=UTC SLUICE_HOST=0.0.0.0 SLUICE_DATA_DIR=/data BUN_CONFIG_MAX_HTTP_REQUESTS=65535 MIMALLOC_PURGE_HOLES_MIN_INTERVAL=2000
COPY --from=dependencies /app/node_modules node_modules
COPY package.json bunfig.toml tsconfig.json ./
COPY src src
COPY plugins plugins
COPY policies policies
COPY schema schema
# The image's own user without rights; /data is the only place it writes to.
RUN mkdir /data && chown bun:bun /data
USER bun
VOLUME /data
EXPOSE 8787
# Over HTTPS where TLS is on; whose certificate it is, is for its clients to say.
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s --retries=3 \
  CMD ["bun", "-e", "const alive = (scheme) => fetch(`${scheme}://127.0.0.1:${process.env.SLUICE_PORT ?? 8787}/healthz`, { tls: { rejectUnauthorized: false } }).then(({ ok }) => ok, () => false); process.exit((await alive('http')) || (await alive('https')) ? 0 : 1)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["bun", "src/cli/main.ts"]
CMD ["start"]
