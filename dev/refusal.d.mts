export class Refusal extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode?: number);
}
