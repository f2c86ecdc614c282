# syntax=docker/dockerfile:1

# The version is that of the `node` package in package-lock.json, which tests and development run on.
FROM node:24.21.0-bookworm-slim AS base

# Production dependencies only. The optional ones are the embedded PostgreSQL, which this image does not hold: a
# container is replaced with everything in it, so it works on a database of its own, given in DATABASE_URL.
FROM base AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts

FROM base
# tini collects the processes that templates leave behind, which a first process has to do.
# The executables of command templates run in this container, so what they call has to be here: the example template
# calls git. Add what your templates call, or leave git out if none of them does.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates git tini \
  && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY drizzle ./drizzle
COPY src ./src
# Node strips types only outside of node_modules, so the command is a link to the source and not an installed package.
RUN chmod 0755 src/main.ts \
  && ln -s /app/src/main.ts /usr/local/bin/prebuildd \
  && install --directory --owner=node --group=node --mode=0750 /var/lib/prebuildd

LABEL org.opencontainers.image.title="prebuildd" \
  org.opencontainers.image.description="Keeps pools of prebuilt workspaces at their target size" \
  org.opencontainers.image.version="0.1.0"

# Writable are the data directory, /tmp and, for what templates run, the home directory; all else may be read-only.
ENV NODE_ENV=production \
  PREBUILDD_LISTEN=:7070 \
  PREBUILDD_DATA_DIR=/var/lib/prebuildd
VOLUME /var/lib/prebuildd
EXPOSE 7070
# The user `node` of the base image; as a number, so that Kubernetes can see that it is not root.
USER 1000:1000

STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["node", "-e", \
  "fetch('http://127.0.0.1:' + process.env.PREBUILDD_LISTEN.split(':').at(-1) + '/healthz') \
  .then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

ENTRYPOINT ["tini", "--", "prebuildd"]
CMD ["run"]
