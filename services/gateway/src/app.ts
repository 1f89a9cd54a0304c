import cors from 'cors';
import express from 'express';
import type { Express } from 'express';
import helmet from 'helmet';
import { isTracing } from '@sluice/shared/tracing/spans';
import type { GatewayDeps } from './context.ts';
import { allowAll, bearerAuth, requireScope } from './middleware/auth.ts';
import { sameOrigin } from './middleware/same-origin.ts';
import { errorHandler, unknownRoute } from './middleware/errors.ts';
import { requestContext } from './middleware/request-context.ts';
import { traceRequests } from './middleware/trace-request.ts';
import { createOpsSessions } from './ops-session.ts';
import { BOARD_PATH } from './queue-board.ts';
import { chatRoutes } from './routes/chat.ts';
import { docsRoutes } from './routes/docs.ts';
import { healthRoutes } from './routes/health.ts';
import { knowledgeRoutes } from './routes/knowledge.ts';
import { modelRoutes } from './routes/models.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { closeSession, opsRoutes } from './routes/ops.ts';
import { queueRoutes } from './routes/queues.ts';
import { WEB_DIST, webRoutes } from './routes/web.ts';

/** Bytes of a JSON body: 400,000 characters of Chinese are 1.2 MB. */
const BODY_LIMIT = '2mb';

/** Builds the HTTP application; listening is up to the caller. */
export function createApp(deps: GatewayDeps): Express {
  const { settings } = deps;
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('trust proxy', [...settings.trustedProxies]);
  if (isTracing()) app.use('/api', traceRequests());
  app.use(requestContext(deps.logger));
  // Upgrading would break /docs wherever the gateway is reached by plain HTTP under a name other than localhost.
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use(
    cors({
      origin: settings.corsOrigins.includes('*') ? '*' : [...settings.corsOrigins],
      exposedHeaders: ['Location', 'X-Chat-Id', 'X-Request-Id', 'Retry-After'],
      maxAge: 600,
    }),
  );
  app.use(healthRoutes(deps));
  app.use(webRoutes(WEB_DIST));
  const sessions = createOpsSessions(settings.keys);
  app.delete('/api/ops/session', closeSession);
  app.use(BOARD_PATH, queueRoutes(deps, sessions));
  app.use(
    settings.keys.length === 0 ? [sameOrigin(settings.corsOrigins), allowAll] : bearerAuth(settings.keys),
  );
  app.use('/metrics', requireScope('ops'), metricsRoutes());
  app.use(docsRoutes());
  app.use(express.json({ limit: BODY_LIMIT }));
  app.use('/api/chat', requireScope('chat'), chatRoutes(deps));
  app.use('/api/models', requireScope('chat'), modelRoutes(deps));
  app.use('/api/knowledge', requireScope('knowledge'), knowledgeRoutes(deps));
  app.use('/api/ops', requireScope('ops'), opsRoutes(deps, sessions));
  app.use(unknownRoute);
  app.use(errorHandler(deps));
  return app;
}
