import { Router } from 'express';
import type { Models } from '@sluice/shared/contracts/chat';
import type { GatewayDeps } from '../context.ts';
import { envelope } from '../envelope.ts';

/** `/api/models`: what a chat may name as its `model`. */
export function modelRoutes({ settings }: Pick<GatewayDeps, 'settings'>): Router {
  const router = Router();
  const { chatModel, chatModels } = settings;
  const models: Models = { default: chatModel, models: [...new Set([chatModel, ...chatModels])] };
  router.get('/', (_request, response) => void response.json(envelope(models)));
  return router;
}
