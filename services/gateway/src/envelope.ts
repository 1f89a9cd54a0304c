/** The shape of every successful answer under `/api`. */
export interface Envelope<T> {
  code: number;
  data: T;
  message: 'success';
}

/** Wraps `data` for a response of the status `code`. */
export function envelope<T>(data: T, code = 200): Envelope<T> {
  return { code, data, message: 'success' };
}
