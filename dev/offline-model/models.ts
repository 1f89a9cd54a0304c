import { ApiError } from './errors.ts';

/** 2026-01-01, as seconds since 1970. */
const CREATED = 1_767_225_600;

const MODELS = ['offline-chat', 'offline-embedding'].map((id) => ({
  id,
  object: 'model',
  created: CREATED,
  owned_by: 'sluice',
}));

/** Body of `GET /v1/models`. Requests may name any model all the same. */
export function listModels(): object {
  return { object: 'list', data: MODELS };
}

/**
 * Body of `GET /v1/models/:id`.
 *
 * @throws {ApiError} 404
 */
export function describeModel(id: string): object {
  const found = MODELS.find((model) => model.id === id);
  if (found) return found;
  throw new ApiError(404, `The model '${id}' does not exist.`, { param: 'model', code: 'model_not_found' });
}
