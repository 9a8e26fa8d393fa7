FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Nothing is compiled: better-sqlite3 brings its binary for glibc, which is why the image is not an Alpine.
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE README.md ./
COPY bin bin
COPY docs docs
COPY schema schema
COPY src src
# A new volume takes its owner from here.
RUN mkdir -m 700 /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000
# Whether the process runs, and no more: a database that is away is not mended by another start. Load balancers ask /ready.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Without a shell in between, so that SIGTERM arrives; commands follow: `docker run … chatgraph keys list`.
ENTRYPOINT ["node", "bin/chatgraph.js"]
CMD ["start"]
