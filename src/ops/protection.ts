/** Whether a stack is taken down, or gives data up, only when somebody types its name. */
export const isProtected = (stack: string, config: { readonly protect?: boolean | undefined }): boolean =>
  config.protect ?? stack === "prod";
