/** A reason not to go on that is told to the user as one sentence, without a stack trace. */
export class Refusal extends Error {
  /**
   * @param {string} message what happened and what to do
   * @param {number} exitCode the exit code to end with
   */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
