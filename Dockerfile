# One image for every service; docker-compose.yml chooses the service by its command.
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
COPY shared/package.json shared/
COPY services/gateway/package.json services/gateway/
COPY services/chat-worker/package.json services/chat-worker/
COPY services/ingest-worker/package.json services/ingest-worker/
# `npm install` honours the lock file; `npm ci` refuses it where it lacks another platform's optional binaries.
RUN npm install --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim AS web
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/package.json client/
COPY web/package.json web/
RUN npm install --workspace=web --workspace=client --ignore-scripts --no-audit --no-fund
COPY client client
COPY web web
RUN npm run build --workspace=web

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
# Languages of text recognition, such as eng+chi_sim; the image has no programs for it unless set.
ARG OCR_LANGUAGES=
RUN if [ -n "$OCR_LANGUAGES" ]; then \
      apt-get update \
      && apt-get install -y --no-install-recommends poppler-utils tesseract-ocr \
        $(echo "$OCR_LANGUAGES" | tr '+_' '\n-' | tr 'A-Z' 'a-z' | sed 's/^/tesseract-ocr-/') \
      && rm -rf /var/lib/apt/lists/*; \
    fi
# A named volume takes its owner from here.
RUN mkdir /data && chown node:node /data
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY shared shared
COPY services services
COPY dev/offline-model dev/offline-model
COPY --from=web /app/web/dist web/dist
USER node
STOPSIGNAL SIGTERM
EXPOSE 8000
CMD ["node", "services/gateway/src/main.ts"]
