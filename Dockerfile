# No build step: the sources run as they are. Node comes from package.json, PostgreSQL from DATABASE_URL.
FROM node:26-bookworm-slim AS install
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:26-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 UV_THREADPOOL_SIZE=16
WORKDIR /app
COPY --from=install /app/node_modules node_modules
COPY package.json ./
COPY config config
COPY migrations migrations
COPY views views
COPY src src
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:'+process.env.PORT+'/health').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
CMD ["node", "--disable-proto=delete", "--max-semi-space-size=8", "src/main.ts"]
