/** How an operation tells people what is under way; the CLI draws it. */
export interface Step {
  update(text: string): void;
  done(text?: string): void;
  fail(text?: string): void;
}

export interface Reporter {
  /** Starts a step; several may be under way at once. */
  step(name: string): Step;
}
